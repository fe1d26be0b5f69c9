/* Inputs and outputs of {{.Name}} as lutra's engine computes them, made by {{.Tool}}. */
#include "{{.Name}}.h"

#define VECTORS {{.Vectors}}

#if VECTORS > 0
static const uint8_t inputs[] = {
{{.VectorInputs}}};

/* Per input a checksum of all outputs: c = rotate(c, 5) xor next. */
static const uint32_t checksums[VECTORS] = {
{{.VectorSums}}};
#endif

uint32_t {{.Name}}_selftest(void *arena)
{
#if VECTORS > 0
	const uint8_t *in = inputs;
	uint32_t v, i;

	for (v = 0; v < VECTORS; v++) {
		uint32_t sum = 0;
{{range .Inputs}}
		for (i = 0; i < {{.Count}}u; i++) {
			{{$.Name}}_{{.Name}}(arena)[i] = *in++;
		}
{{- end}}
		{{.Name}}_run(arena);
{{- range .Outputs}}
		for (i = 0; i < {{.Count}}u; i++) {
			sum = (sum << 5 | sum >> 27) ^ (uint32_t){{$.Name}}_{{.Name}}(arena)[i];
		}
{{- end}}
		if (sum != checksums[v]) {
			return v + 1;
		}
	}
#else
	(void)arena;
#endif
	return 0;
}
