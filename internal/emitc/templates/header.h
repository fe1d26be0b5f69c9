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
   for {{.Low}} + i * {{.Step}}. Running destroys them. */
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
{{end}}{{end}}{{with .Sound}}
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
/* Runs known inputs ({{.Upper}}_VECTORS of them) in an arena; 0 if all outputs
   have the right bits, else the number of the first that has not, from 1{{if .Bytes}}; one more
   if bytes become other levels{{end}}{{if .Sound}}, two more if sound does{{end}}. In
   {{.Name}}_selftest.c. */
#define {{.Upper}}_VECTORS {{.Vectors}}
uint32_t {{.Name}}_selftest(void *arena);

#ifdef __cplusplus
}
#endif

#endif
