/* An example for a system with a C library: reads {{if .Sound}}one sound{{else if .Bytes}}the bytes of inputs{{else}}the levels of the inputs{{end}}
   from standard input{{if .Sound}}, a WAV file or bare samples of 16 bits,{{end}} and prints the outputs. Made by {{.Tool}}. */
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
{{- with .Sound}}
/* A sound, at most ten seconds. */
static uint8_t file[64 + 20 * {{.Rate}}];
static int16_t samples[10 * {{.Rate}}];

/* A number of up to four bytes, the lowest first. */
static uint32_t number(const uint8_t *p, int bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0) {
		v = v << 8 | p[bytes];
	}
	return v;
}

/* Reads the samples of standard input: their number, or 0. */
static uint32_t read_samples(void)
{
	uint32_t size = (uint32_t)fread(file, 1, sizeof file, stdin), at = 0, end = size, i;

	if (size >= 12 && number(file, 4) == 0x46464952 && number(file + 8, 4) == 0x45564157) { /* RIFF, WAVE */
		for (at = 12;; at = end + (end & 1)) {
			uint32_t length;

			if (size < 8 || at > size - 8) {
				fprintf(stderr, "a WAV file without data\n");
				return 0;
			}
			length = number(file + at + 4, 4);
			end = length < size - at - 8 ? at + 8 + length : size;
			if (number(file + at, 4) == 0x61746164) { /* data */
				at += 8;
				break;
			}
			if (number(file + at, 4) == 0x20746d66 && end - at >= 24 && /* fmt */
			    (number(file + at + 8, 2) != 1 || number(file + at + 10, 2) != 1 || number(file + at + 12, 4) != {{.Rate}} || number(file + at + 22, 2) != 16)) {
				fprintf(stderr, "expected {{.Rate}} samples a second, of 16 bits, in one channel\n");
				return 0;
			}
		}
	}
	for (i = 0; end - at >= 2; i++) {
		samples[i] = (int16_t)(uint16_t)number(file + at, 2);
		at += 2;
	}
	return i;
}
{{end}}
int main(void)
{
	uint32_t i{{if .Sound}}, count{{end}};

	if ({{.Name}}_selftest(&arena) != 0) {
		fprintf(stderr, "{{.Name}}: self-test failed\n");
		return 1;
	}
	for (;;) {
{{- if .Sound}}
		count = read_samples();
		if (count == 0) {
			return 0;
		}
		{{.Name}}_spectrum(&arena, samples, count);
{{- else}}{{range .Inputs}}
		if (fread({{$.Name}}_{{.Name}}(&arena), 1, {{$.Upper}}_{{.Upper}}_SIZE, stdin) != {{$.Upper}}_{{.Upper}}_SIZE) {
			return 0;
		}
{{- if $.Bytes}}
		{{$.Name}}_input_u8(&arena, {{$.Name}}_{{.Name}}(&arena));
{{- end}}
{{- end}}{{end}}
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
{{- if .Error}}
		printf("error %lu\n", (unsigned long){{.Name}}_error(&arena));
{{- end}}
	}
}
