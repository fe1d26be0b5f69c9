package emitc

import (
	"encoding/binary"
	"fmt"

	"lutra/internal/lut"
	"lutra/internal/nomul"
	"lutra/internal/wasm"
)

// EmitWasm writes n as a WebAssembly module, NAME.wasm, and a loader in
// JavaScript. No compiler takes part: every module is checked by package nomul
// before it is returned. It refuses what Emit refuses.
func EmitWasm(n *lut.Network, o Options) (*Library, error) {
	g, err := newGenerator(n, o)
	if err != nil {
		return nil, err
	}
	w := &wasmWriter{generator: g, places: map[string]int{}, expanded: map[*lut.Table]int{}}
	w.layout()
	main := w.m.Function(0)
	w.m.ExportFunction("run", main)
	for _, l := range n.Layers {
		row := w.describe(l)
		before := len(w.constants)
		f := w.m.Function(0)
		w.layer(f, l)
		main.Append(wasm.Call(f))
		row.Flash = len(w.constants) - before
		w.rowsOf = append(w.rowsOf, row)
	}
	if err := w.wasmError(main); err != nil {
		return nil, err
	}
	w.export()
	module := w.m.Bytes()
	found, err := nomul.Check(nomul.Object{Name: g.prefix + ".wasm", Data: module})
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("wasm: %v", found)
	}
	lib := &Library{Name: g.prefix, Files: map[string][]byte{g.prefix + ".wasm": module}, Report: g.report()}
	lib.Report.Flash, lib.Report.RAM = len(module), w.size
	if err := w.loader(lib); err != nil {
		return nil, err
	}
	return lib, nil
}

// wasmWriter writes one module. Its memory holds the tensors, the list of a
// place's taps and their sums, tables, and the constants, in this order.
type wasmWriter struct {
	*generator
	m          wasm.Module
	list, sums int
	expanded   map[*lut.Table]int // where tables are, behind 0: once the module has started
	constants  []byte
	first      int            // where constants begin
	places     map[string]int // of constants, by contents
	size       int            // of the memory
}

// tensors is where tensors begin. No address that is used is 0.
const tensors = 16

// place puts constants into the module, each once, and returns the address.
func (w *wasmWriter) place(data []byte) int {
	if at, ok := w.places[string(data)]; ok {
		return at
	}
	at := w.first + len(w.constants)
	w.places[string(data)] = at
	w.constants = append(append(w.constants, data...), make([]byte, -len(data)&3)...)
	return at
}

// words are numbers of 32 bits, little-endian.
func words(v []int32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

// layout places everything but the constants, and expands tables.
func (w *wasmWriter) layout() {
	w.plan()
	longest, sums := 0, 0
	for _, l := range w.net.Layers {
		switch l := l.(type) {
		case *lut.Linear:
			longest = max(longest, l.K+3)
			sums = max(sums, 4*(l.Outputs+3))
		case *lut.AvgPool:
			longest = max(longest, l.Window.KH*l.Window.KW)
		case *lut.MaxPool:
			longest = max(longest, l.Window.KH*l.Window.KW)
		}
	}
	w.list = tensors + (w.arena+15)&^15
	w.sums = w.list + (4*longest+15)&^15
	at := w.sums + (sums+15)&^15
	var order []*lut.Table
	for _, l := range w.net.Layers {
		if l, ok := l.(*lut.Linear); ok && w.expanded[l.Table] == 0 {
			w.expanded[l.Table] = at
			order = append(order, l.Table)
			n, _ := stride(l.Table)
			at += 4 * n * (l.Table.Levels + 1)
		}
	}
	w.first = at
	start := w.m.Function(0)
	w.m.Start(start)
	expand := w.expander()
	for _, t := range order {
		n, _ := stride(t)
		start.Append(w.expand(expand, t, w.expanded[t], 4*n))
	}
}

// export names what the caller uses.
func (w *wasmWriter) export() {
	w.m.Data(w.first, w.constants)
	w.size = w.m.Memory(w.first + len(w.constants))
	in, out := w.ports()
	for i, p := range in {
		w.m.ExportConstant(p.Name, w.address(w.net.Inputs[i].Tensor))
	}
	for i, p := range out {
		w.m.ExportConstant(p.Name, w.address(w.net.Outputs[i].Tensor))
	}
}
