package emitc

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"lutra/internal/lut"
	"lutra/internal/wasm"
)

// errorPage is what templates read about the error of an auto-encoder.
type errorPage struct {
	Places, Squares string // names of arrays
	Count, In, Out  int    // levels; where they begin
	Unit            string
}

// reconstruction writes the tables of the error, if that is asked for.
func (g *generator) reconstruction() error {
	if !g.o.Error {
		return nil
	}
	e, err := g.net.ReconstructionError()
	if err != nil {
		return err
	}
	g.use("error")
	places := make([]int16, len(e.At))
	for i, at := range e.At {
		places[i] = int16(at)
	}
	in, out := g.net.Inputs[0].Tensor, g.net.Outputs[0].Tensor
	g.errorPage = &errorPage{
		Places: integers(&g.arrays, "int16_t", "places", 2, places), Squares: integers(&g.arrays, "uint32_t", "squares", 4, e.Squares),
		Count: g.net.Tensors[in].Elems(), In: g.at(in), Out: g.at(out), Unit: strconv.FormatFloat(e.Unit, 'g', 6, 64),
	}
	return nil
}

// errorAt is where a module of WebAssembly leaves the error: below its tensors.
const errorAt = 8

// wasmError adds the error to run, if that is asked for.
func (w *wasmWriter) wasmError(run *wasm.Function) error {
	if !w.o.Error {
		return nil
	}
	e, err := w.net.ReconstructionError()
	if err != nil {
		return err
	}
	squares := make([]byte, 0, 4*len(e.Squares))
	for _, s := range e.Squares {
		squares = binary.LittleEndian.AppendUint32(squares, s)
	}
	places, table := w.place(words(e.At)), w.place(squares)
	f := w.m.Function(0)
	i, in, out, d, sum := f.Local(), f.Local(), f.Local(), f.Local(), f.Local()
	f.Append(
		sum.Set(wasm.Const(0)),
		in.Set(wasm.Const(w.address(w.net.Inputs[0].Tensor))),
		out.Set(wasm.Const(w.address(w.net.Outputs[0].Tensor))),
		wasm.Repeat(i, w.net.Tensors[w.net.Inputs[0].Tensor].Elems(),
			d.Set(wasm.Sub(wasm.Load8(out.Get(), 0), wasm.Load32(wasm.ShiftLeft(wasm.Load8(in.Get(), 0), 2), places))),
			d.Set(wasm.Select(wasm.Sub(wasm.Const(0), d.Get()), d.Get(), wasm.Less(d.Get(), wasm.Const(0)))),
			sum.Set(wasm.Add(sum.Get(), wasm.Load32(wasm.ShiftLeft(d.Get(), 2), table))),
			in.Add(1),
			out.Add(1)),
		wasm.Store32(wasm.Const(errorAt), 0, sum.Get()))
	run.Append(wasm.Call(f))
	w.m.ExportConstant("error", errorAt)
	return nil
}

// errorOf adds to c the error of a network's outputs about levels of its input.
func (c *checksum) errorOf(n *lut.Network, s *lut.Session, levels []uint8) error {
	e, err := n.ReconstructionError()
	if err != nil {
		return fmt.Errorf("self-test: %w", err)
	}
	c.add(e.Of(levels, s.Levels(n.Outputs[0].Tensor)))
	return nil
}
