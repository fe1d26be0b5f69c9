package graph

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"lutra/internal/tensor"
)

// The model-local functions that quantise activations to a few levels, evenly
// spaced in output space (Baluja et al., No Multiplication? No Floating Point?
// No Problem!, 2018, section 2):
//
//	lutra.TanhD(x; levels)             tanh, rounded to the nearest of levels in [-1, 1]
//	lutra.ReluD(x; levels, bound)      x, rounded to the nearest of levels in [0, bound]
//	lutra.ClipD(x; levels, low, high)  x, rounded to the nearest of levels in [low, high]
//
// A number half-way between two levels goes to the higher one.
const (
	tanhDFunc = "TanhD"
	reluDFunc = "ReluD"
	clipDFunc = "ClipD"
)

// Bounds on the attribute levels.
const (
	MinLevels = 2
	MaxLevels = 256
)

// quantiserOpset is the first opset version that the bodies of the functions
// are written for: Constant takes numbers from 12 on, Clip takes tensors from 11.
const quantiserOpset = 13

// Quantiser is the application of a function that quantises activations.
type Quantiser struct {
	Tanh      bool    // tanh is applied first; Low and High are then -1 and 1
	Levels    int     // MinLevels to MaxLevels
	Low, High float32 // the first and the last level; Low < High
}

// IsQuantiser reports whether n quantises activations: TanhD, ReluD or ClipD.
func (n *Node) IsQuantiser() bool {
	return n.Domain == CodebookDomain && (n.Op == tanhDFunc || n.Op == reluDFunc || n.Op == clipDFunc)
}

// Quantiser reads the attributes of n, for which IsQuantiser holds.
func (n *Node) Quantiser() (Quantiser, error) {
	c := &Call{Node: n}
	q := Quantiser{Tanh: n.Op == tanhDFunc, Low: -1, High: 1}
	levels := n.Int("levels", 0)
	if levels < MinLevels || levels > MaxLevels {
		return q, c.Errorf("levels", fmt.Sprintf("%d to %d", MinLevels, MaxLevels), fmt.Sprint(levels))
	}
	q.Levels = int(levels)
	switch n.Op {
	case reluDFunc:
		q.Low, q.High = 0, n.Float("bound", 0)
	case clipDFunc:
		q.Low, q.High = n.Float("low", 0), n.Float("high", 0)
	}
	if span := q.High - q.Low; !(span > 0) || q.span() <= 0 || math.IsInf(float64(span), 0) || math.IsInf(float64(1/q.step()), 0) {
		return q, c.Errorf("bounds", "finite numbers, the lower one first", fmt.Sprintf("%v and %v", q.Low, q.High))
	}
	return q, nil
}

func (q Quantiser) last() float32 { return float32(q.Levels - 1) }
func (q Quantiser) span() float32 { return q.High - q.Low }
func (q Quantiser) step() float32 { return q.span() / q.last() }

// index is the number of the level of x, as a float; NaN stays NaN. Every
// operation is rounded to float32, as in the body of the function.
func (q Quantiser) index(x float32) float32 {
	n := q.last()
	if q.Tanh {
		half := n / 2
		t := float32(float32(math.Tanh(float64(x)))*half) + half
		return float32(math.Floor(float64(t + 0.5)))
	}
	t := float32((x - q.Low) * (n / q.span()))
	if t < 0 {
		t = 0
	}
	if t > n {
		t = n
	}
	return float32(math.Floor(float64(t + 0.5)))
}

// value is the level of number i.
func (q Quantiser) value(i float32) float32 {
	if q.Tanh {
		half := q.last() / 2
		return (i - half) / half
	}
	return float32(i*q.step()) + q.Low
}

// Index is the number of the level of x, 0 to Levels-1; NaN goes to level 0.
func (q Quantiser) Index(x float32) uint8 { return uint8(max(0, q.index(x))) }

// Value is level i.
func (q Quantiser) Value(i uint8) float32 { return q.value(float32(i)) }

// Node is the node that applies q to the value x.
func (q Quantiser) Node(x, y string) *Node {
	n := &Node{Name: y, Domain: CodebookDomain, Inputs: []string{x}, Outputs: []string{y}}
	n.Attrs = []Attr{IntAttr("levels", int64(q.Levels))}
	switch {
	case q.Tanh:
		n.Op = tanhDFunc
	case q.Low == 0:
		n.Op = reluDFunc
		n.Attrs = append(n.Attrs, FloatAttr("bound", q.High))
	default:
		n.Op = clipDFunc
		n.Attrs = append(n.Attrs, FloatAttr("low", q.Low), FloatAttr("high", q.High))
	}
	return n
}

// AddQuantiser appends a node that applies q to the value x, and declares its
// function. It fails for opset versions before 13.
func (g *Graph) AddQuantiser(q Quantiser, x, y string) error {
	n := q.Node(x, y)
	if _, err := n.Quantiser(); err != nil {
		return err
	}
	if v := g.opset(""); v < quantiserOpset {
		return g.errorf("model", "opset", fmt.Sprintf("%d or later for %s", quantiserOpset, n.Op), fmt.Sprint(v))
	}
	g.Nodes = append(g.Nodes, n)
	if g.Opsets[CodebookDomain] == 0 {
		g.Opsets[CodebookDomain] = 1
	}
	if g.Function(CodebookDomain, n.Op) == nil {
		g.Functions = append(g.Functions, quantiserFunction(n.Op, g.opset("")))
	}
	return nil
}

// quantiserFunction is the body of a quantiser, so that any ONNX runtime can
// run the file.
func quantiserFunction(name string, opset int64) *Function {
	b := body{&Function{
		Domain: CodebookDomain, Name: name, Inputs: []string{"x"}, Outputs: []string{"y"},
		Attrs: []string{"levels"}, Opsets: map[string]int64{"": opset},
	}}
	b.constant("half", tensor.Of([]float32{0.5}))
	b.constant("one", tensor.Of([]float32{1}))
	b.op("Constant", "", "count", RefAttr("value_int", AttrInt, "levels"))
	b.cast("count", "countf", tensor.Float32)
	b.op("Sub", "countf one", "last")
	switch name {
	case tanhDFunc:
		b.Doc = "tanh(x), rounded to the nearest of `levels` evenly spaced numbers in [-1, 1]"
		b.op("Mul", "last half", "middle")
		b.op("Tanh", "x", "bounded")
		b.op("Mul", "bounded middle", "scaled")
		b.op("Add", "scaled middle", "inside")
		b.round()
		b.op("Sub", "index middle", "centred")
		b.op("Div", "centred middle", "y")
	case reluDFunc:
		b.Doc = "x, rounded to the nearest of `levels` evenly spaced numbers in [0, bound]"
		b.Attrs = append(b.Attrs, "bound")
		b.op("Constant", "", "span", RefAttr("value_float", AttrFloat, "bound"))
		b.clip("x")
		b.op("Mul", "index step", "y")
	case clipDFunc:
		b.Doc = "x, rounded to the nearest of `levels` evenly spaced numbers in [low, high]"
		b.Attrs = append(b.Attrs, "low", "high")
		b.op("Constant", "", "lowf", RefAttr("value_float", AttrFloat, "low"))
		b.op("Constant", "", "highf", RefAttr("value_float", AttrFloat, "high"))
		b.op("Sub", "highf lowf", "span")
		b.op("Sub", "x lowf", "above")
		b.clip("above")
		b.op("Mul", "index step", "scaledback")
		b.op("Add", "scaledback lowf", "y")
	}
	return b.Function
}

// known reports whether lutra reads calls of f by name: f is a codebook
// function, or a quantiser with the body that lutra writes.
func (f *Function) known() bool {
	n := &Node{Domain: f.Domain, Op: f.Name}
	if !n.IsQuantiser() {
		return n.IsCodebook()
	}
	want := quantiserFunction(f.Name, 0)
	return slices.Equal(f.Inputs, want.Inputs) && slices.Equal(f.Outputs, want.Outputs) &&
		slices.EqualFunc(f.Nodes, want.Nodes, func(a, b *Node) bool {
			return a.Op == b.Op && canonicalDomain(a.Domain) == b.Domain && slices.Equal(a.Inputs, b.Inputs) &&
				slices.Equal(a.Outputs, b.Outputs) && slices.EqualFunc(a.Attrs, b.Attrs, sameConstant)
		})
}

// sameConstant compares the attributes that occur in quantisers.
func sameConstant(a, b Attr) bool {
	if a.Name != b.Name || a.Kind != b.Kind || a.Ref != b.Ref || a.Int != b.Int || (a.Tensor == nil) != (b.Tensor == nil) {
		return false
	}
	return a.Tensor == nil || a.Tensor.DType == b.Tensor.DType && a.Tensor.Shape.Equal(b.Tensor.Shape) &&
		bytes.Equal(a.Tensor.Bytes(), b.Tensor.Bytes())
}

// clip computes index, the level of x in [0, span], and step.
func (b body) clip(x string) {
	b.constant("zero", tensor.Of([]float32{0}))
	b.op("Div", "last span", "density")
	b.op("Mul", x+" density", "scaled")
	b.op("Clip", "scaled zero last", "inside")
	b.round()
	b.op("Div", "span last", "step")
}

// round computes index, the integer nearest to inside.
func (b body) round() {
	b.op("Add", "inside half", "shifted")
	b.op("Floor", "shifted", "index")
}
