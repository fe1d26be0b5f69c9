package graph

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"lutra/internal/tensor"
)

// oracleCase is one node of testdata/nn.json with PyTorch's results.
type oracleCase struct {
	Name, Op        string
	Opset           int64
	Attrs           map[string]any
	Inputs, Outputs []*struct {
		Shape []int
		Data  []float32
	}
}

// graph is the node with input 0 as the graph's input and constants for the others.
func (c *oracleCase) graph(d tensor.DType) (*Graph, *tensor.Tensor) {
	n := &Node{Op: c.Op}
	g := net(c.Inputs[0].Shape, n).opsetIs(c.Opset)
	g.Inputs[0].DType = d
	g.Outputs = nil
	var x *tensor.Tensor
	for i, in := range c.Inputs {
		if in == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		name := fmt.Sprint("i", i)
		t := cast(tensor.Of(in.Data, in.Shape...), d)
		switch {
		case i == 0:
			name, x = "x", t
		case c.Op == "Resize" && i == 3:
			t = cast(t.AsFloat32(), tensor.Int64)
			g.with(name, t)
		default:
			g.with(name, t)
		}
		n.Inputs = append(n.Inputs, name)
	}
	for i := range c.Outputs {
		n.Outputs = append(n.Outputs, fmt.Sprint("o", i))
		g.Outputs = append(g.Outputs, Value{Name: n.Outputs[i]})
	}
	for name, v := range c.Attrs {
		a := Attr{Name: name, Kind: attrKinds[name]}
		switch v := v.(type) {
		case string:
			a.Str = []byte(v)
		case float64:
			a.Int, a.Float = int64(v), float32(v)
		case []any:
			for _, x := range v {
				a.Ints = append(a.Ints, int64(x.(float64)))
			}
		}
		n.Attrs = append(n.Attrs, a)
	}
	return g, x
}

// cast converts float32 numbers to another type.
func cast(t *tensor.Tensor, d tensor.DType) *tensor.Tensor {
	out := tensor.New(d, t.Shape...)
	for i, v := range t.Float32s() {
		switch d {
		case tensor.Float32:
			out.Float32s()[i] = v
		case tensor.Float64:
			tensor.Slice[float64](out)[i] = float64(v)
		case tensor.Float16:
			tensor.Slice[uint16](out)[i] = tensor.ToHalf(v)
		case tensor.Int64:
			out.Int64s()[i] = int64(v)
		}
	}
	return out
}

// TestOracle compares the definitions with PyTorch in float32, float64 and float16.
func TestOracle(t *testing.T) {
	b, err := os.ReadFile("testdata/nn.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []*oracleCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for d, tolerance := range map[tensor.DType]float64{tensor.Float32: 2e-5, tensor.Float64: 2e-5, tensor.Float16: 2e-2} {
			if c.Op == "Hardmax" && d == tensor.Float16 {
				continue // ties appear
			}
			t.Run(fmt.Sprint(c.Name, " ", d), func(t *testing.T) {
				g, x := c.graph(d)
				p, err := g.plan()
				if err != nil {
					t.Fatal(err)
				}
				out, err := p.Eval(map[string]*tensor.Tensor{"x": x})
				if err != nil {
					t.Fatal(err)
				}
				for i, want := range c.Outputs {
					got := out[g.Outputs[i].Name]
					if !got.Shape.Equal(want.Shape) {
						t.Fatalf("output %d has shape %v, want %v", i, got.Shape, want.Shape)
					}
					for k, v := range got.AsFloat32().Float32s() {
						w := float64(want.Data[k])
						if diff := math.Abs(float64(v) - w); !(diff <= tolerance*(1+math.Abs(w))) {
							t.Fatalf("output %d, element %d: %g, want %g", i, k, v, w)
						}
					}
				}
			})
		}
	}
}

// TestIntegerProducts: the examples of the ONNX specification, and a QLinearConv
// with a scale and a zero point per channel.
func TestIntegerProducts(t *testing.T) {
	u8 := func(v []uint8, s ...int) *tensor.Tensor { return tensor.Of(v, s...) }
	scale := func(v ...float32) *tensor.Tensor { return tensor.Of(v, len(v)) }
	for _, c := range []struct {
		n      *Node
		in     []*tensor.Tensor
		result any
	}{
		{node("MatMulInteger", "x a b c", "y"), []*tensor.Tensor{
			u8([]uint8{11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0}, 4, 3), u8([]uint8{1, 4, 2, 5, 3, 6}, 3, 2), u8([]uint8{12}), u8([]uint8{0}),
		}, []int32{-38, -83, -44, -98, -50, -113, -56, -128}},
		{node("QLinearMatMul", "x a b c d e f g", "y"), []*tensor.Tensor{
			u8([]uint8{208, 236, 0, 238, 3, 214, 255, 29}, 2, 4), scale(0.0066), u8([]uint8{113}, 1),
			u8([]uint8{152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247}, 4, 3), scale(0.00705), u8([]uint8{114}, 1),
			scale(0.0107), u8([]uint8{118}, 1),
		}, []uint8{168, 115, 255, 1, 66, 151}},
		{node("QLinearConv", "x a b c d e f g h", "y"), []*tensor.Tensor{
			u8([]uint8{10, 20, 30, 40}, 1, 1, 2, 2), scale(0.5), u8([]uint8{10}, 1),
			u8([]uint8{3, 9}, 2, 1, 1, 1), scale(1, 0.25), u8([]uint8{2, 5}, 2), // weights 1*1, 4*0.25
			scale(1), u8([]uint8{100}, 1), tensor.Of([]int32{-20, 8}, 2),
		}, []uint8{90, 95, 100, 105, 101, 106, 111, 116}},
	} {
		g := net(c.in[0].Shape, c.n)
		g.Inputs[0].DType = tensor.Uint8
		for i, v := range c.in[1:] {
			g.with(c.n.Inputs[1+i], v)
		}
		p, err := g.plan()
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Eval(map[string]*tensor.Tensor{"x": c.in[0]})
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if y := out["y"]; y.DType == tensor.Int32 {
			got = tensor.Slice[int32](y)
		} else {
			got = tensor.Slice[uint8](y)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.result) {
			t.Errorf("%s: %v, want %v", c.n.Op, got, c.result)
		}
	}
}
