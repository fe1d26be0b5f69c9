package emitc

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/lut"
)

// encoder is an auto-encoder of n numbers whose output has other levels than
// its input, in parts if n is large.
func encoder(n, size int) *lut.Network {
	d := newDrawing(5, n, 1, 1)
	x := d.dense(d.dense(0, 2*size, 64, size, false), n, 64, size, false)
	d.Tensors[x].Quantiser = graph.Quantiser{Levels: levels, Low: -1, High: 8}
	return d.output(x)
}

// TestError compares the error of auto-encoders in C and in WebAssembly with
// its definition.
func TestError(t *testing.T) {
	for _, n := range []*lut.Network{encoder(6, 2), encoder(300, 2), encoder(300, 1)} {
		vectors := inputs(n, 3, 5)
		lib, err := Emit(n, Options{Name: "net", Vectors: vectors, Error: true})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		save(t, dir, lib)
		if err := os.WriteFile(filepath.Join(dir, "main.c"), []byte(host), 0o644); err != nil {
			t.Fatal(err)
		}
		sanitised(t, dir)
		wasm, err := EmitWasm(n, Options{Name: "net", Error: true})
		if err != nil {
			t.Fatal(err)
		}
		m := instantiate(t, n, wasm.Files["net.wasm"])
		e, err := n.ReconstructionError()
		if err != nil {
			t.Fatal(err)
		}
		s := n.NewSession()
		for _, v := range vectors {
			out := outputs(n, s, v)
			m.run(t, v)
			b, _ := m.Memory().Read(m.exports("error"), 4)
			if got, want := binary.LittleEndian.Uint32(b), e.Of(v, out); got != want || want == 0 {
				t.Errorf("error %d, want %d", got, want)
			}
		}
	}
	if _, err := Emit(draw(1), Options{Error: true}); err == nil {
		t.Error("an error of a network that is no auto-encoder")
	}
}
