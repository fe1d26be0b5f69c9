// Package nomul proves of compiled code that it does not multiply: it finds
// every instruction that multiplies, divides, or computes with floating point,
// and every symbol that would bring such code in from a library.
//
// Compilers insert multiplications into sources that have none (strength
// reduction of addresses run backwards), so a network for a core without
// multiplier has to be checked after compilation. Object files for Arm Thumb,
// RISC-V and x86-64 (ELF) and WebAssembly modules are read. An instruction that
// is not understood is a finding: what Check passes, it has understood.
package nomul

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"

	"lutra/internal/safe"
)

// Object is a compiled file.
type Object struct {
	Name string
	Data []byte
}

// Finding is an instruction or symbol that is not allowed.
type Finding struct {
	Object   string
	Function string // "" if not known
	Offset   int    // in its section or function; -1 for a symbol
	What     string // "multiply", "divide", "float", ..., or "undefined symbol memcpy"
}

func (f Finding) String() string {
	if f.Offset < 0 {
		return f.Object + ": " + f.What
	}
	return fmt.Sprintf("%s: %s+%#x: %s", f.Object, f.Function, f.Offset, f.What)
}

// Check reads objects that are linked with each other and with nothing else,
// and reports what they hold that is not allowed, in the order of the objects.
// A symbol that none of them defines, such as a helper of the compiler's
// library, is a finding too. It fails if a file cannot be read.
func Check(objects ...Object) ([]Finding, error) {
	var all []Finding
	defined, wanted := map[string]bool{}, map[string][]string{}
	for _, o := range objects {
		if bytes.HasPrefix(o.Data, wasmMagic) {
			found, err := checkWasm(o)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		}
		f, err := elf.NewFile(bytes.NewReader(o.Data))
		if err != nil {
			return nil, &safe.FormatError{File: o.Name, Expected: "an object file (ELF, WebAssembly)", Err: err}
		}
		found, err := checkELF(o.Name, f, defined, wanted)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	for _, o := range objects {
		for _, symbol := range wanted[o.Name] {
			if !defined[symbol] {
				all = append(all, Finding{Object: o.Name, Offset: -1, What: "undefined symbol " + symbol})
			}
		}
	}
	return all, nil
}

// decoder looks at the first instruction of code: its length in bytes and what
// is wrong with it, or "".
type decoder func(code []byte) (length int, what string)

// checkELF checks the sections of f that hold code, and adds its symbols to
// those that objects define or want from others.
func checkELF(name string, f *elf.File, defined map[string]bool, wanted map[string][]string) ([]Finding, error) {
	decode, err := decoderOf(name, f)
	if err != nil {
		return nil, err
	}
	symbols, _ := f.Symbols() // an error means that there are none
	for _, s := range symbols {
		switch {
		case elf.ST_BIND(s.Info) == elf.STB_LOCAL || s.Name == "":
		case s.Section != elf.SHN_UNDEF:
			defined[s.Name] = true
		default:
			wanted[name] = append(wanted[name], s.Name)
		}
	}
	var all []Finding
	for i, section := range f.Sections {
		if section.Type != elf.SHT_PROGBITS || section.Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		code, err := section.Data()
		if err != nil {
			return nil, &safe.FormatError{File: name, Where: "section " + section.Name, Err: err}
		}
		m := newCodeMap(f.Machine, symbols, i, section.Addr)
		for at := 0; at < len(code); {
			if m.isData(at) {
				at++
				continue
			}
			n, what := decode(code[at:])
			if what != "" {
				all = append(all, Finding{name, m.function(at), at, what})
			}
			at += n
		}
	}
	return all, nil
}

func decoderOf(name string, f *elf.File) (decoder, error) {
	switch {
	case f.Machine == elf.EM_ARM && f.ByteOrder == binary.LittleEndian:
		return thumb, nil
	case f.Machine == elf.EM_RISCV:
		return riscv(f.Class), nil
	case f.Machine == elf.EM_X86_64:
		return x86, nil
	}
	return nil, &safe.FormatError{File: name, Field: "machine", Expected: "Arm (little-endian), RISC-V or x86-64", Found: f.Machine.String()}
}

// codeMap knows the functions of a section and which of its bytes are data.
type codeMap struct {
	functions []span
	marks     []mark
}

type span struct {
	from, to int
	name     string
}

// mark is a mapping symbol ($t, $x, $d): what follows is code or data.
type mark struct {
	at   int
	data bool
}

func newCodeMap(machine elf.Machine, symbols []elf.Symbol, section int, base uint64) *codeMap {
	m := &codeMap{}
	for _, s := range symbols {
		if int(s.Section) != section {
			continue
		}
		at := int(s.Value - base)
		switch {
		case len(s.Name) >= 2 && s.Name[0] == '$':
			m.marks = append(m.marks, mark{at, s.Name[1] == 'd'})
		case elf.ST_TYPE(s.Info) == elf.STT_FUNC:
			if machine == elf.EM_ARM {
				at &^= 1 // the lowest bit says Thumb
			}
			m.functions = append(m.functions, span{at, at + int(s.Size), s.Name})
		}
	}
	slices.SortStableFunc(m.marks, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	return m
}

func (m *codeMap) isData(at int) bool {
	i, _ := slices.BinarySearchFunc(m.marks, at+1, func(k mark, at int) int { return cmp.Compare(k.at, at) })
	return i > 0 && m.marks[i-1].data
}

func (m *codeMap) function(at int) string {
	for _, f := range m.functions {
		if f.from <= at && at < f.to {
			return f.name
		}
	}
	return ""
}

// half is the little-endian 16-bit number at byte i of code; 0 behind its end.
func half(code []byte, i int) uint16 {
	if len(code) < i+2 {
		return 0
	}
	return binary.LittleEndian.Uint16(code[i:])
}
