/* Made by {{.Tool}}; see {{.Name}}.h. Right shifts of negative numbers are
   taken to be arithmetic, as all compilers for two's complement have them. */
#include "{{.Name}}.h"
#include "{{.Name}}_data.h"

/* Where the arena holds the list of rows, and the sums of a place. */
#define {{.Name}}_COLUMNS {{.ColumnsAt}}u
#define {{.Name}}_SUMS {{.SumsAt}}u
#define {{.Name}}_CHUNK {{.Chunk}}
#define {{.Name}}_TAPS {{.Taps}}
{{.Runtime}}
{{.Layers}}
{{- range .Inputs}}
uint8_t *{{$.Name}}_{{.Name}}(void *arena)
{
	return (uint8_t *)arena + {{.At}};
}
{{end}}
void {{.Name}}_run(void *arena)
{
	uint8_t *bytes = (uint8_t *)arena;

{{.Calls}}}
{{range .Outputs}}
const {{.Type}} *{{$.Name}}_{{.Name}}(const void *arena)
{
	return (const {{.Type}} *)(const void *)((const uint8_t *)arena + {{.At}});
}

uint32_t {{$.Name}}_{{.Name}}_best(const void *arena)
{
	const {{.Type}} *v = {{$.Name}}_{{.Name}}(arena);
	uint32_t best = 0, i;

	for (i = 1; i < {{.Count}}u; i++) {
		if (v[i] > v[best]) {
			best = i;
		}
	}
	return best;
}
{{end -}}
