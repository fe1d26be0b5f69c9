/* Inputs and outputs of {{.Name}} as lutra's engine computes them, made by {{.Tool}}. */
#include "{{.Name}}.h"
#include "{{.Name}}_data.h"

#define VECTORS {{.Vectors}}

#if VECTORS > 0
static const uint8_t inputs[] {{.Upper}}_FLASH = {
{{.VectorInputs}}};

/* Per input a checksum of all outputs: c = rotate(c, 5) xor next. */
static const uint32_t checksums[VECTORS] {{.Upper}}_FLASH = {
{{.VectorSums}}};
#endif

{{- with .Bytes}}
/* Whether bytes that count up become the right levels. */
static int bytes_fail(void *arena)
{
	uint8_t *levels = {{$.Name}}_input(arena);
	uint32_t i, sum = 0;

	for (i = 0; i < {{(index $.Inputs 0).Count}}u; i++) {
		levels[i] = (uint8_t)i;
	}
	{{$.Name}}_input_u8(arena, levels);
	for (i = 0; i < {{(index $.Inputs 0).Count}}u; i++) {
		sum = ((sum << 5) | (sum >> 27)) ^ levels[i];
	}
	return sum != {{.Sum}};
}
{{end}}{{with .Sound}}
/* Whether noise has the right spectrum. */
static int sound_fails(void *arena)
{
	int16_t samples[{{.Samples}}];
	uint32_t i, sum = 0, state = 1;

	for (i = 0; i < {{.Samples}}u; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		samples[i] = (int16_t)(uint16_t)(state >> 16);
	}
	{{$.Name}}_spectrum(arena, samples, {{.Samples}}u);
	for (i = 0; i < {{(index $.Inputs 0).Count}}u; i++) {
		sum = ((sum << 5) | (sum >> 27)) ^ {{$.Name}}_input(arena)[i];
	}
	return sum != {{.Sum}};
}
{{end}}{{if or .Stream .Samples}}
static uint32_t next(uint32_t state)
{
	state ^= state << 13;
	state ^= state >> 17;
	return state ^ (state << 5);
}
{{end}}{{with .Samples}}
/* Whether samples of noise become the right levels. */
static int samples_fail(void *arena)
{
	uint32_t i, sum = 0, state = 1;

	for (i = 0; i < {{(index $.Inputs 0).Count}}u; i++) {
		int16_t sample;

		state = next(state);
		sample = (int16_t)(uint16_t)(state >> 16);
		{{$.Name}}_input_s16(arena, i, &sample, 1);
		sum = ((sum << 5) | (sum >> 27)) ^ {{$.Name}}_input(arena)[i];
	}
	return sum != {{.Sum}};
}
{{end}}{{with .Stream}}
/* Whether a stream of noise has the right answers. */
static int stream_fails(void *arena)
{
	uint32_t row, i, sum = 0, state = 1, answers = 0;

	{{$.Name}}_stream_start(arena);
	for (row = 0; answers < {{.Answers}}; row++) {
		for (i = 0; i < {{.Row}}u; i++) {
			state = next(state);
			{{$.Name}}_stream_row(arena)[i] = (uint8_t)((state >> 16) & {{.Mask}}u);
		}
		if ({{$.Name}}_stream_step(arena) != 0) {
			answers++;
			for (i = 0; i < {{(index $.Outputs 0).Count}}u; i++) {
				sum = ((sum << 5) | (sum >> 27)) ^ (uint32_t){{$.Name}}_stream_output(arena)[i];
			}
		}
	}
	return sum != {{.Sum}};
}
{{if .Ear}}
/* Whether a stream of noise has the right levels. */
static int stream_mishears(void *arena)
{
	int16_t samples[{{.Samples}}];
	uint32_t row, i, sum = 0, state = 1;

	{{$.Name}}_stream_start(arena);
	for (row = {{.Held}} + 3; row; row--) {
		for (i = 0; i < {{.Samples}}u; i++) {
			state = next(state);
			samples[i] = (int16_t)(uint16_t)(state >> 16);
		}
		(void){{$.Name}}_stream_hear(arena, samples);
		for (i = 0; i < {{.Row}}u; i++) {
			sum = ((sum << 5) | (sum >> 27)) ^ {{$.Name}}_stream_row(arena)[i];
		}
	}
	return sum != {{.SoundSum}};
}
{{end}}{{end}}
uint32_t {{.Name}}_selftest(void *arena)
{
{{- if .Bytes}}
	if (bytes_fail(arena) != 0) {
		return VECTORS + 1;
	}
{{- end}}
{{- if .Sound}}
	if (sound_fails(arena) != 0) {
		return VECTORS + 2;
	}
{{- end}}
{{- with .Stream}}
	if (stream_fails(arena){{if .Ear}} || stream_mishears(arena){{end}}) {
		return VECTORS + 3;
	}
{{- end}}
{{- if .Samples}}
	if (samples_fail(arena) != 0) {
		return VECTORS + 4;
	}
{{- end}}
#if VECTORS > 0
	const uint8_t *in = inputs;
	uint32_t v, i;

	for (v = 0; v < VECTORS; v++) {
		uint32_t sum = 0;
{{range .Inputs}}
		for (i = 0; i < {{.Count}}u; i++) {
			{{$.Name}}_{{.Name}}(arena)[i] = {{$.Name}}_u8(in++);
		}
{{- end}}
		{{.Name}}_run(arena);
{{- range .Outputs}}
		for (i = 0; i < {{.Count}}u; i++) {
			sum = ((sum << 5) | (sum >> 27)) ^ (uint32_t){{$.Name}}_{{.Name}}(arena)[i];
		}
{{- end}}
{{- if .Error}}
		sum = ((sum << 5) | (sum >> 27)) ^ {{.Name}}_error(arena);
{{- end}}
		if (sum != {{.Name}}_u32(checksums + v)) {
			return v + 1;
		}
	}
#else
	(void)arena;
#endif
	return 0;
}
