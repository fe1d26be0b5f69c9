/* Constants of {{.Name}}.c, made by {{.Tool}}. */
#ifndef {{.Upper}}_DATA_H
#define {{.Upper}}_DATA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

{{.Declared}}
#ifdef __cplusplus
}
#endif

#endif
