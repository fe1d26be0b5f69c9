/* An example for a system with a C library: reads the levels of the inputs
   from standard input and prints the outputs. Made by {{.Tool}}. */
#include <stdio.h>
#include "{{.Name}}.h"

static union {
	uint64_t align;
	uint8_t bytes[{{.Upper}}_ARENA_SIZE];
} arena;
{{if .Labels}}
static const char *const labels[] = {
{{range .Labels}}	{{.}},
{{end}}};
{{end}}
int main(void)
{
	uint32_t i;

	if ({{.Name}}_selftest(&arena) != 0) {
		fprintf(stderr, "{{.Name}}: self-test failed\n");
		return 1;
	}
	for (;;) {
{{- range .Inputs}}
		if (fread({{$.Name}}_{{.Name}}(&arena), 1, {{$.Upper}}_{{.Upper}}_SIZE, stdin) != {{$.Upper}}_{{.Upper}}_SIZE) {
			return 0;
		}
{{- end}}
		{{.Name}}_run(&arena);
{{- range .Outputs}}
		for (i = 0; i < {{$.Upper}}_{{.Upper}}_SIZE; i++) {
			printf("%ld ", (long){{$.Name}}_{{.Name}}(&arena)[i]);
		}
{{- if and $.Labels .Classes}}
		i = {{$.Name}}_{{.Name}}_best(&arena);
		printf("%s", labels[i]);
{{- end}}
		printf("\n");
{{- end}}
	}
}
