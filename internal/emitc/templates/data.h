/* Constants of {{.Name}}.c, made by {{.Tool}}. */
#ifndef {{.Upper}}_DATA_H
#define {{.Upper}}_DATA_H

#include <stdint.h>

/* Constants are read by these: AVR has them beside its code, whose memory takes
   instructions of its own. */
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define {{.Upper}}_FLASH PROGMEM
#define {{.Name}}_u8(p) pgm_read_byte(p)
#define {{.Name}}_u16(p) pgm_read_word(p)
#define {{.Name}}_i16(p) ((int16_t)pgm_read_word(p))
#define {{.Name}}_u32(p) pgm_read_dword(p)
#define {{.Name}}_i32(p) ((int32_t)pgm_read_dword(p))
#else
#define {{.Upper}}_FLASH
#define {{.Name}}_u8(p) (*(p))
#define {{.Name}}_u16(p) (*(p))
#define {{.Name}}_i16(p) (*(p))
#define {{.Name}}_u32(p) (*(p))
#define {{.Name}}_i32(p) (*(p))
#endif

#ifdef __cplusplus
extern "C" {
#endif

{{.Declared}}
#ifdef __cplusplus
}
#endif

#endif
