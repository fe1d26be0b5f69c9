package lut

import (
	"math"
	"strings"
	"testing"

	"lutra/internal/graph"
)

// TestReconstructionError: the sum stands for the mean square of the numbers
// that levels stand for; networks that are no auto-encoders are refused.
func TestReconstructionError(t *testing.T) {
	in, out := graph.Quantiser{Levels: 32, Low: -4, High: 3}, graph.Quantiser{Levels: 249, Low: -4, High: 3}
	n := &Network{
		Inputs: []Input{{Name: "x"}}, Outputs: []Output{{Tensor: 1}},
		Tensors: []Tensor{{C: 40, H: 1, W: 1, Quantiser: in}, {C: 40, H: 1, W: 1, Quantiser: out}},
	}
	e, err := n.ReconstructionError()
	if err != nil {
		t.Fatal(err)
	}
	var x, y []uint8
	var want float64
	for i := range 40 {
		a, b := uint8(i*7%32), uint8(i*i%249)
		x, y = append(x, a), append(y, b)
		d := float64(in.Value(a) - out.Value(b))
		want += d * d / 40
	}
	if got := float64(e.Of(x, y)) * e.Unit; math.Abs(got-want) > 1e-5*want { // 248 is a multiple of 31
		t.Errorf("mean square %g, want %g", got, want)
	}
	for want, change := range map[string]func(){
		"levels as output":          func() { n.Tensors[1].Quantiser.Levels = 0 },
		"the shape of the input":    func() { n.Tensors[1].C = 20 },
		"one input and one output":  func() { n.Outputs = append(n.Outputs, Output{}) },
		"near those of the input":   func() { n.Tensors[1].Quantiser.High = -3.99 },
		"a sum of squares of 32 bi": func() { n.Tensors[0].C, n.Tensors[1].C = 1<<20, 1<<20 },
	} {
		tensors, outputs := append([]Tensor{}, n.Tensors...), n.Outputs
		change()
		if _, err := n.ReconstructionError(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		n.Tensors, n.Outputs = tensors, outputs
	}
}
