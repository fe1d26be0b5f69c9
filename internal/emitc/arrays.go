package emitc

import (
	"fmt"
	"strings"
)

// arrays are the constants of the library, each written once.
type arrays struct {
	prefix   string
	names    map[string]string // by type and contents
	declared strings.Builder   // for the header
	text     strings.Builder
	bytes    int
}

// tables are the arrays of products: read at random, for every weight.
var tables = map[string]bool{"pairs": true, "products": true, "narrow": true, "turned": true}

// integers is the name of an array of that type.
func integers[T ~uint8 | ~int8 | ~uint16 | ~int16 | ~uint32 | ~int32](a *arrays, kind, what string, size int, v []T) string {
	var b strings.Builder
	for i, x := range v {
		if i%16 == 0 {
			b.WriteString("\n\t")
		}
		fmt.Fprintf(&b, "%d", x)
		if kind == "uint32_t" {
			b.WriteByte('u')
		}
		b.WriteByte(',')
	}
	body := b.String()
	if name := a.names[kind+body]; name != "" {
		return name
	}
	name := fmt.Sprintf("%s_%s_%d", a.prefix, what, len(a.names))
	a.names[kind+body] = name
	fmt.Fprintf(&a.declared, "extern const %s %s[%d];\n", kind, name, len(v))
	section := "CONST"
	if tables[what] {
		section = "TABLES"
	}
	fmt.Fprintf(&a.text, "\n%s_%s const %s %s[%d] = {%s\n};\n", strings.ToUpper(a.prefix), section, kind, name, len(v), body)
	a.bytes += size * len(v)
	return name
}

func (a *arrays) bytesOf(what string, v []uint8) string { return integers(a, "uint8_t", what, 1, v) }
func (a *arrays) words(what string, v []int32) string   { return integers(a, "int32_t", what, 4, v) }
