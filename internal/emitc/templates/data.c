/* Constants of {{.Name}}.c, made by {{.Tool}}. They are read-only; define
   {{.Upper}}_CONST as an attribute to choose their section, and {{.Upper}}_TABLES that
   of the products, read at random: fast memory where flash stalls. */
#include "{{.Name}}_data.h"

#ifndef {{.Upper}}_CONST
#define {{.Upper}}_CONST {{.Upper}}_FLASH
#endif
#ifndef {{.Upper}}_TABLES
#define {{.Upper}}_TABLES {{.Upper}}_CONST
#endif
{{.Arrays}}
