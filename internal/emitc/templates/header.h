/* {{.Title}}: an integer network without multiplication, made by {{.Tool}}.
   Look-ups, additions and shifts only; no C library, no allocation. */
#ifndef {{.Upper}}_H
#define {{.Upper}}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the arena, which the caller provides, aligned to 8 bytes. It holds
   all there is between two calls; several arenas may be in use. */
#define {{.Upper}}_ARENA_SIZE ({{.Arena}}u + {{.Rows}}u * (uint32_t)sizeof(void *))
{{range .Inputs}}
/* Input {{.Title}}: {{.Count}} levels, 0 to {{.Top}}, [{{.H}}][{{.W}}][{{.C}}]. Level i stands
   for {{.Low}} + i * {{.Step}}.{{if not $.Error}} Running destroys them.{{end}} */
#define {{$.Upper}}_{{.Upper}}_SIZE {{.Count}}
#define {{$.Upper}}_{{.Upper}}_LEVELS {{.Levels}}
uint8_t *{{$.Name}}_{{.Name}}(void *arena);
{{end}}
{{- with .Bytes}}

/* Turns bytes, as pixels, into the levels of the input: by a table that holds
   the preprocessing of the network. Channels last, in its order; the bytes may
   lie where the levels go. */
void {{$.Name}}_input_u8(void *arena, const uint8_t *bytes);
{{if eq .Channels 1}}
/* The same for bytes less 128: signed features. */
void {{$.Name}}_input_s8(void *arena, const int8_t *features);
{{end}}{{end}}{{with .Samples}}
/* Turns samples of 16 bits into the levels of the input, so many of them from
   level number first on: exactly those that lutra's engine makes. */
void {{$.Name}}_input_s16(void *arena, uint32_t first, const int16_t *samples, uint32_t count);
{{end}}{{with .Sound}}
/* The levels of a sound's spectrum: {{.Frames}} frames of {{.Bands}} bands, from the middle of
   the samples, silence around those that are too few. Volume does not matter. */
#define {{$.Upper}}_RATE {{.Rate}} /* samples a second */
void {{$.Name}}_spectrum(void *arena, const int16_t *samples, uint32_t count);

/* Spectrum, run and best of the first output. */
uint32_t {{$.Name}}_listen(void *arena, const int16_t *samples, uint32_t count);
{{end}}
/* Computes the outputs from the levels of the inputs. */
void {{.Name}}_run(void *arena);
{{range .Outputs}}
/* Output {{.Title}}: {{.Count}} {{if .Scores}}scores; a score s stands for s * {{.Unit}}{{else}}levels, 0 to {{.Top}}; level i
   stands for {{.Low}} + i * {{.Step}}{{end}}, [{{.H}}][{{.W}}][{{.C}}]. Valid until the next run. */
#define {{$.Upper}}_{{.Upper}}_SIZE {{.Count}}
const {{.Type}} *{{$.Name}}_{{.Name}}(const void *arena);

/* The first of the largest elements of output {{.Title}}. */
uint32_t {{$.Name}}_{{.Name}}_best(const void *arena);
{{end}}
{{with .Error}}
/* How far the output is from the input, levels that the arena still holds: a sum
   of squares. The sum e stands for a mean square of e * {{.Unit}}; it is large where
   the input is not of the kind that the network has learned. */
uint32_t {{$.Name}}_error(const void *arena);
{{end}}{{with .Stream}}
/* The network as a stream: rows of the input ([{{(index $.Inputs 0).W}}][{{(index $.Inputs 0).C}}]) come one after the
   other, the first answer is about the first {{$.Upper}}_STREAM_ROWS rows, the next ones about
   windows of as many, {{$.Upper}}_STREAM_HOP rows on. Nothing is computed twice: layers do not pad
   in time, so that answers differ from those about sounds or images cut out
   before (docs/lut.md of lutra). An arena serves streams or single inputs, not
   both at a time. */
#define {{$.Upper}}_STREAM_ROWS {{.Frames}}
#define {{$.Upper}}_STREAM_HOP {{.Hop}}
void {{$.Name}}_stream_start(void *arena);

/* Where the {{.Row}} levels of the next row go. */
uint8_t *{{$.Name}}_stream_row(void *arena);

/* Takes that row; whether there is a new answer. */
int {{$.Name}}_stream_step(void *arena);
const {{(index $.Outputs 0).Type}} *{{$.Name}}_stream_output(const void *arena);
uint32_t {{$.Name}}_stream_best(const void *arena);
{{if .Ear}}
/* Takes the next samples, {{$.Upper}}_STREAM_SAMPLES of them, as a row; whether there is a new
   answer. It is late by {{.Held}} rows, since words are as loud as what follows
   makes them. */
#define {{$.Upper}}_STREAM_SAMPLES {{.Samples}}
int {{$.Name}}_stream_hear(void *arena, const int16_t *samples);
{{end}}{{end}}
/* Runs known inputs ({{.Upper}}_VECTORS of them) in an arena; 0 if all outputs
   have the right bits, else the number of the first that has not, from 1{{if .Bytes}}; one more
   if bytes become other levels{{end}}{{if .Sound}}, two more if sound does{{end}}{{if .Stream}}, three
   more if the stream's answers are others{{end}}{{if .Samples}}, four more if
   samples become other levels{{end}}. In
   {{.Name}}_selftest.c. */
#define {{.Upper}}_VECTORS {{.Vectors}}
uint32_t {{.Name}}_selftest(void *arena);

#ifdef __cplusplus
}
#endif

#endif
