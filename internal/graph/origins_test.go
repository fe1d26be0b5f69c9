package graph

import (
	"slices"
	"strings"
	"testing"

	"lutra/internal/tensor"
)

// TestOrigins: every operator that moves elements says where from.
func TestOrigins(t *testing.T) {
	ints := func(v ...int64) *tensor.Tensor { return tensor.Of(v, len(v)) }
	for _, c := range []struct {
		name   string
		op     string
		shape  tensor.Shape
		consts []*tensor.Tensor // inputs from 1 on
		attrs  []Attr
		want   []int32
		fails  string
	}{
		{name: "every second", op: "Slice", shape: tensor.Shape{1, 5}, consts: []*tensor.Tensor{ints(0), ints(9), ints(1), ints(2)}, want: []int32{0, 2, 4}},
		{name: "backwards", op: "Slice", shape: tensor.Shape{3}, consts: []*tensor.Tensor{ints(-1), ints(-9), ints(0), ints(-1)}, want: []int32{2, 1, 0}},
		{name: "zeros", op: "Pad", shape: tensor.Shape{1, 2}, consts: []*tensor.Tensor{ints(0, 1, 0, 2)}, want: []int32{-1, 0, 1, -1, -1}},
		{name: "a zero given", op: "Pad", shape: tensor.Shape{2}, consts: []*tensor.Tensor{ints(1, 0), tensor.Of([]float32{0})}, want: []int32{-1, 0, 1}},
		{name: "cropped", op: "Pad", shape: tensor.Shape{3}, consts: []*tensor.Tensor{ints(-1, 1)}, want: []int32{1, 2, -1}},
		{name: "mirrored", op: "Pad", shape: tensor.Shape{3}, consts: []*tensor.Tensor{ints(2, 0)}, attrs: []Attr{StringAttr("mode", "reflect")}, want: []int32{2, 1, 0, 1, 2}},
		{name: "ones", op: "Pad", shape: tensor.Shape{2}, consts: []*tensor.Tensor{ints(1, 0), tensor.Of([]float32{1})}, fails: "the constant 0"},
		{name: "turned", op: "Transpose", shape: tensor.Shape{2, 3}, want: []int32{0, 3, 1, 4, 2, 5}},
		{name: "shuffled", op: "DepthToSpace", shape: tensor.Shape{1, 4, 1, 2}, attrs: []Attr{IntAttr("blocksize", 2)}, want: []int32{0, 2, 1, 3, 4, 6, 5, 7}},
		{name: "and back", op: "SpaceToDepth", shape: tensor.Shape{1, 1, 2, 4}, attrs: []Attr{IntAttr("blocksize", 2)}, want: []int32{0, 2, 1, 3, 4, 6, 5, 7}},
		{name: "many", op: "Pad", shape: tensor.Shape{1}, consts: []*tensor.Tensor{ints(0, 1<<25)}, fails: "at most 16777216"},
	} {
		n := &Node{Name: c.op, Op: c.op, Inputs: []string{"x"}, Outputs: []string{"y"}, Attrs: c.attrs}
		g := &Graph{File: "moves.onnx", Opsets: map[string]int64{"": 17}, Consts: map[string]*tensor.Tensor{}, Nodes: []*Node{n}}
		for i, v := range c.consts {
			name := string(rune('a' + i))
			n.Inputs = append(n.Inputs, name)
			g.Consts[name] = v
		}
		g.Inputs = []Value{{Name: "x", DType: tensor.Float32, NoShape: true}}
		g.Outputs = []Value{{Name: "y", DType: tensor.Float32, NoShape: true}}
		p, err := g.Specialize(map[string]Type{"x": {tensor.Float32, c.shape}}, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, err := p.Origins(n)
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v, want an error with %q", c.name, err, c.fails)
			}
		case err != nil || !slices.Equal(got, c.want):
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		case !n.Moves():
			t.Errorf("%s does not count as a move", c.name)
		}
	}
}
