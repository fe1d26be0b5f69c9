package nomul

import (
	"bytes"
	"fmt"

	"lutra/internal/safe"
)

var wasmMagic = []byte("\x00asm")

// checkWasm checks the functions of a WebAssembly module (WebAssembly Core
// Specification 2.0, chapter 5, binary format).
func checkWasm(o Object) ([]Finding, error) {
	r := &wasmReader{name: o.Name, data: o.Data, at: 8}
	if len(o.Data) < 8 || !bytes.Equal(o.Data[4:8], []byte{1, 0, 0, 0}) {
		return nil, &safe.FormatError{File: o.Name, Expected: "a WebAssembly module of version 1"}
	}
	var all []Finding
	imported := 0
	for r.err == nil && r.at < len(r.data) {
		id := r.byte()
		n := r.size()
		if r.err != nil {
			break
		}
		end := r.at + n
		section := &wasmReader{name: o.Name, data: r.data[:end], at: r.at}
		switch id {
		case 2:
			found, n := section.imports()
			all, imported = append(all, found...), n
		case 10:
			all = append(all, section.code(imported)...)
		}
		if section.err != nil {
			return nil, section.err
		}
		r.at = end
	}
	return all, r.err
}

// wasmReader reads a module; after a failure it reads zeros.
type wasmReader struct {
	name string
	data []byte
	at   int
	last uint64 // the last number
	err  error
}

func (r *wasmReader) malformed(what string) error {
	return &safe.FormatError{File: r.name, Where: fmt.Sprintf("offset %d", r.at), Expected: what}
}

func (r *wasmReader) byte() byte {
	if r.at >= len(r.data) {
		if r.err == nil {
			r.err = r.malformed("more bytes")
		}
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

// leb reads a number of at most 10 bytes of 7 bits.
func (r *wasmReader) leb() uint64 {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			r.last = v
			return v
		}
	}
	if r.err == nil {
		r.err = r.malformed("a number")
	}
	return 0
}

// size reads a number of things that take at least a byte each.
func (r *wasmReader) size() int {
	v := r.leb()
	if v > uint64(len(r.data)-r.at) {
		if r.err == nil {
			r.err = r.malformed(fmt.Sprintf("at least %d more bytes", v))
		}
		return 0
	}
	return int(v)
}

// imports reports functions that are imported, and counts them. (Memories and
// tables may be imported.)
func (r *wasmReader) imports() (found []Finding, functions int) {
	for range r.size() {
		r.at += r.size()
		n := r.size()
		if r.err != nil {
			return
		}
		field := string(r.data[r.at:][:n])
		r.at += n
		switch kind := r.byte(); kind {
		case 0:
			r.leb()
			functions++
			found = append(found, Finding{r.name, "", -1, "undefined symbol " + field})
		case 1, 2:
			if kind == 1 {
				r.byte()
			}
			if r.byte()&1 != 0 {
				r.leb()
			}
			r.leb()
		case 3:
			r.byte()
			r.byte()
		default:
			r.err = r.malformed("a kind of import")
			return
		}
	}
	return found, functions
}

// code checks the bodies of functions; first is the index of the first.
func (r *wasmReader) code(first int) []Finding {
	var all []Finding
	for i := range r.size() {
		n := r.size()
		start := r.at
		body := &wasmReader{name: r.name, data: r.data[:start+n], at: start}
		for range body.size() { // locals
			body.leb()
			if t := body.byte(); t == 0x7d || t == 0x7c || t == 0x7b {
				all = append(all, Finding{r.name, fmt.Sprintf("function %d", first+i), body.at - start, "float local"})
			}
		}
		for body.err == nil && body.at < len(body.data) {
			at := body.at
			if what := body.instruction(); what != "" {
				all = append(all, Finding{r.name, fmt.Sprintf("function %d", first+i), at - start, what})
			}
		}
		if body.err != nil {
			r.err = body.err
			return all
		}
		r.at = start + n
	}
	return all
}

// instruction reads an instruction and says what is wrong with it.
func (r *wasmReader) instruction() string {
	op := r.byte()
	r.immediates(op)
	switch {
	case op == 0x6c || op == 0x7e:
		return "multiply"
	case op >= 0x6d && op <= 0x70 || op >= 0x7f && op <= 0x82:
		return "divide"
	case op == 0x2a || op == 0x2b || op == 0x38 || op == 0x39 || op == 0x43 || op == 0x44,
		op >= 0x5b && op <= 0x66, op >= 0x8b && op <= 0xa6, op >= 0xa8 && op <= 0xab, op >= 0xae && op <= 0xbf:
		return "float"
	case op == 0xfc && r.last < 8:
		return "float"
	case op == 0xfd:
		return "vector"
	case op >= 0xc5 && op != 0xfc && op != 0xd0 && op != 0xd2, op == 0xd1, op >= 0x06 && op <= 0x0a, op >= 0x12 && op <= 0x19, op >= 0x1d && op <= 0x1f, op == 0x27:
		return "unknown instruction"
	}
	return ""
}

// immediates reads what follows op.
func (r *wasmReader) immediates(op byte) {
	numbers := 0
	switch {
	case op == 0x0e: // br_table
		numbers = r.size() + 1
	case op == 0x1c: // select with types
		numbers = r.size()
	case op == 0x43: // f32.const
		r.at += 4
	case op == 0x44: // f64.const
		r.at += 8
	case op == 0xfc:
		kind := r.leb()
		switch kind {
		case 8, 10, 12, 14: // memory.init, memory.copy, table.init, table.copy
			numbers = 2
		case 9, 11, 13, 15, 16, 17:
			numbers = 1
		}
		defer func() { r.last = kind }()
	case op >= 0x02 && op <= 0x04, op == 0x0c, op == 0x0d, op == 0x10, op >= 0x20 && op <= 0x26, op == 0x3f, op == 0x40, op == 0x41, op == 0x42, op == 0xd0, op == 0xd2:
		numbers = 1 // block types, labels, indices, integers
	case op == 0x11, op >= 0x28 && op <= 0x3e: // call_indirect, loads and stores
		numbers = 2
	}
	for range numbers {
		if r.err == nil {
			r.leb()
		}
	}
}
