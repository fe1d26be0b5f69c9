/* Made by {{.Tool}}; see {{.Name}}.h. Right shifts of negative numbers are
   taken to be arithmetic, as all compilers for two's complement have them. */
#include <stddef.h>
#include "{{.Name}}.h"
#include "{{.Name}}_data.h"

/* Where the arena holds the list of rows, and the sums of a place. */
#define {{.Name}}_COLUMNS {{.ColumnsAt}}u
#define {{.Name}}_SUMS {{.SumsAt}}u
#define {{.Name}}_CHUNK {{.Chunk}}u
#define {{.Name}}_TAPS {{.Taps}}
{{- with .Sound}}
/* Of spectra: samples of a frame, frames, bands, and where they are made; digits
   of the first half of the window, and of the second quarter of a turn in parts
   of a frame, and where these begin; of each band the first bin, a count, and
   as many weights in eighths. */
#define {{$.Name}}_POINTS {{.Points}}
#define {{$.Name}}_FRAMES {{.Frames}}
#define {{$.Name}}_BANDS {{.Bands}}
#define {{$.Name}}_SCRATCH {{.At}}u
#define {{$.Name}}_WINDOW {{.Window}}
#define {{$.Name}}_TWIDDLES {{.Twiddles}}
#define {{$.Name}}_ANGLES {{.Angles}}
#define {{$.Name}}_TRIANGLES {{.Triangles}}
{{end}}
{{- with .Stream}}{{if .Ear}}
/* Of streams of sound: frames that are remembered, the least reference of
   loudness. */
#define {{$.Name}}_HELD {{.Held}}
#define {{$.Name}}_QUIET {{.Quiet}}
{{end}}{{end}}
{{- .Runtime}}
/* Runs a kernel on a layer; on AVR on a copy, whose members it can read. */
#if defined(__AVR__)
static void {{.Name}}_fetch(void *to, const void *from, size_t size)
{
	const uint8_t *p = (const uint8_t *)from;
	uint8_t *d = (uint8_t *)to;

	for (; size != 0u; size--) {
		*d++ = {{.Name}}_u8(p++);
	}
}

#define {{.Name}}_RUN(kernel, type, layer) \
	do { \
		type copy; \
		{{.Name}}_fetch(&copy, &layer, sizeof copy); \
		kernel(&copy, bytes); \
	} while (0)
#else
#define {{.Name}}_RUN(kernel, type, layer) kernel(&layer, bytes)
#endif

{{.Layers}}
{{- range .Inputs}}
uint8_t *{{$.Name}}_{{.Name}}(void *arena)
{
	return (uint8_t *)arena{{if .At}} + {{.At}}{{end}};
}
{{end}}{{with .Bytes}}
void {{$.Name}}_input_u8(void *arena, const uint8_t *bytes)
{
	{{$.Name}}_levels_of({{.Table}}, {{.Step}}, {{.Channels}}, {{.Places}}, bytes, 0, {{$.Name}}_input(arena));
}
{{if eq .Channels 1}}
void {{$.Name}}_input_s8(void *arena, const int8_t *features)
{
	{{$.Name}}_levels_of({{.Table}}, {{.Step}}, {{.Channels}}, {{.Places}}, (const uint8_t *)features, 0x80, {{$.Name}}_input(arena));
}
{{end}}{{end}}{{with .Samples}}
void {{$.Name}}_input_s16(void *arena, uint32_t first, const int16_t *samples, uint32_t count)
{
	{{$.Name}}_levels_of_samples({{.Bounds}}, {{.Count}}, {{.Lowest}}, count, samples, {{$.Name}}_input(arena) + first);
}
{{end}}{{with .Sound}}
void {{$.Name}}_spectrum(void *arena, const int16_t *samples, uint32_t count)
{
	{{$.Name}}_spectrum_of(samples, count, ({{$.Name}}_point *)(void *)((uint8_t *)arena + {{$.Name}}_SCRATCH), {{$.Bytes.Table}}, {{$.Name}}_input(arena));
}

uint32_t {{$.Name}}_listen(void *arena, const int16_t *samples, uint32_t count)
{
	{{$.Name}}_spectrum(arena, samples, count);
	{{$.Name}}_run(arena);
	return {{$.Name}}_{{(index $.Outputs 0).Name}}_best(arena);
}
{{end}}
void {{.Name}}_run(void *arena)
{
	uint8_t *bytes = (uint8_t *)arena;

{{.Calls}}}
{{range .Outputs}}
const {{.Type}} *{{$.Name}}_{{.Name}}(const void *arena)
{
	return (const {{.Type}} *){{if .At}}(const void *)((const uint8_t *)arena + {{.At}}){{else}}arena{{end}};
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
{{end}}{{with .Error}}
uint32_t {{$.Name}}_error(const void *arena)
{
	const uint8_t *bytes = (const uint8_t *)arena;

	return {{$.Name}}_distance({{.Places}}, {{.Squares}}, bytes + {{.In}}, bytes + {{.Out}}, {{.Count}});
}
{{end}}
{{- with .Stream}}
void {{$.Name}}_stream_start(void *arena)
{
	uint16_t *missing = (uint16_t *)arena;
{{if .Sums}}	uint8_t *sums = (uint8_t *)arena + {{.Totals}};
	unsigned size;
{{end}}{{if .Ear}}	{{$.Name}}_ear *ear = ({{$.Name}}_ear *)(void *)((uint8_t *)arena + {{.Ear}});
	uint16_t *logs = ear->logs[0];
	unsigned i;

	for (i = 0; i <= {{$.Name}}_POINTS; i++) {
		ear->samples[i] = 0;
	}
	for (i = {{.Held}}; i; i--) {
		unsigned b;

		for (b = {{$.Name}}_BANDS; b; b--) {
			*logs++ = 0;
		}
	}
	ear->loudest = {{.Quiet}};
{{else}}
{{end}}{{if .Sums}}	for (size = {{.Sums}}; size; size--) {
		*sums++ = 0;
	}
{{end}}{{range .Missing}}	*missing++ = {{.}};
{{end}}}

uint8_t *{{$.Name}}_stream_row(void *arena)
{
	return (uint8_t *)arena + {{.RowAt}};
}

int {{$.Name}}_stream_step(void *arena)
{
	uint8_t *bytes = (uint8_t *)arena;
	uint16_t *missing = (uint16_t *)arena;
	int complete;

{{.Calls}}	return 1;
}

const {{(index $.Outputs 0).Type}} *{{$.Name}}_stream_output(const void *arena)
{
	return (const {{(index $.Outputs 0).Type}} *)(const void *)((const uint8_t *)arena + {{.OutAt}});
}

uint32_t {{$.Name}}_stream_best(const void *arena)
{
	const {{(index $.Outputs 0).Type}} *v = {{$.Name}}_stream_output(arena);
	uint32_t best = 0, i;

	for (i = 1; i < {{(index $.Outputs 0).Count}}u; i++) {
		if (v[i] > v[best]) {
			best = i;
		}
	}
	return best;
}
{{if .Ear}}
int {{$.Name}}_stream_hear(void *arena, const int16_t *samples)
{
	uint8_t *bytes = (uint8_t *)arena;

	{{$.Name}}_hear(({{$.Name}}_ear *)(void *)(bytes + {{.Ear}}), samples, ({{$.Name}}_point *)(void *)(bytes + {{.Scratch}}), {{$.Bytes.Table}}, bytes + {{.RowAt}});
	return {{$.Name}}_stream_step(arena);
}
{{end}}{{end -}}
