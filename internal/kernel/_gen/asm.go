package main

import (
	"fmt"
	"strings"
)

// isa is a vector instruction set.
type isa struct {
	name  string // suffix of function names
	reg   string // register prefix
	bytes int    // of a vector
	regs  int    // vector registers
}

var (
	avx2   = isa{"AVX2", "Y", 32, 16}
	avx512 = isa{"AVX512", "Z", 64, 32}
)

// r is vector register i.
func (s isa) r(i int) string { return fmt.Sprintf("%s%d", s.reg, i) }

// lanes is the number of floats in a vector.
func (s isa) lanes() int { return s.bytes / 4 }

// masked reports whether tails are done with mask registers.
func (s isa) masked() bool { return s.regs == 32 }

// file collects the assembly functions of one file, and their declarations.
type file struct {
	text  strings.Builder
	decls strings.Builder
	fn    string // current function
}

// begin starts a function with a frame of no bytes. params is the Go
// parameter list, doc a sentence for the declaration; each parameter takes
// eight bytes.
func (f *file) begin(name, params, doc string) { f.beginFrame(name, params, doc, 0) }

// beginFrame starts a function with a frame, which one that calls others needs.
func (f *file) beginFrame(name, params, doc string, frame int) {
	f.fn = name
	n := 0
	if params != "" {
		n = strings.Count(params, ",") + 1
	}
	fmt.Fprintf(&f.text, "\n// func %s(%s)\nTEXT ·%s(SB), NOSPLIT, $%d-%d\n", name, params, name, frame, 8*n)
	fmt.Fprintf(&f.decls, "\n// %s %s\n//\n//go:noescape\nfunc %s(%s)\n", name, doc, name, params)
}

// end returns from the function.
func (f *file) end() {
	f.op("VZEROUPPER")
	f.op("RET")
}

// op writes one instruction.
func (f *file) op(format string, args ...any) {
	fmt.Fprintf(&f.text, "\t"+format+"\n", args...)
}

// label starts a place that op can jump to.
func (f *file) label(format string, args ...any) {
	fmt.Fprintf(&f.text, format+":\n", args...)
}

// zero clears a vector register.
func (f *file) zero(s isa, i int) {
	if i < 16 {
		f.op("VXORPS X%d, X%d, X%d", i, i, i) // clears the upper lanes too
		return
	}
	f.op("VPXORD %[1]s, %[1]s, %[1]s", s.r(i))
}

// data32 and data64 define read-only constants of 32-bit and 64-bit words.
func (f *file) data32(name string, words ...uint64) { f.data(name, 4, words) }
func (f *file) data64(name string, words ...uint64) { f.data(name, 8, words) }

func (f *file) data(name string, size int, words []uint64) {
	fmt.Fprintln(&f.text)
	for i, w := range words {
		fmt.Fprintf(&f.text, "DATA %s<>+%d(SB)/%d, $%#x\n", name, size*i, size, w)
	}
	fmt.Fprintf(&f.text, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, size*len(words))
}

// strides addresses eight rows from a base register, with registers that hold
// 1, 3, 5 and 7 times the bytes between rows.
type strides struct{ base, one, three, five, seven string }

// load fills the multiples.
func (s strides) load(f *file) {
	f.op("LEAQ (%[1]s)(%[1]s*2), %[2]s", s.one, s.three)
	f.op("LEAQ (%[1]s)(%[1]s*4), %[2]s", s.one, s.five)
	if s.seven != "" {
		f.op("LEAQ (%s)(%s*2), %s", s.five, s.one, s.seven)
	}
}

// at is the address of row i.
func (s strides) at(i int) string {
	return "(" + s.base + ")" + [8]string{
		"", "(" + s.one + "*1)", "(" + s.one + "*2)", "(" + s.three + "*1)",
		"(" + s.one + "*4)", "(" + s.five + "*1)", "(" + s.three + "*2)", "(" + s.seven + "*1)",
	}[i]
}
