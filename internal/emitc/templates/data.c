/* Constants of {{.Name}}.c, made by {{.Tool}}. They are read-only; define
   {{.Upper}}_CONST as an attribute to choose their section, such as fast memory
   for tables where flash stalls. */
#include "{{.Name}}_data.h"

#ifndef {{.Upper}}_CONST
#define {{.Upper}}_CONST
#endif
{{.Arrays}}
