package graph

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"lutra/internal/tensor"
)

// draw is a stream of small choices made of fuzzed bytes; it ends in zeros.
type draw []byte

func (d *draw) below(n int) int {
	if len(*d) == 0 {
		return 0
	}
	v := int((*d)[0])
	*d = (*d)[1:]
	return v % n
}

func pick[T any](d *draw, from []T) T { return from[d.below(len(from))] }

var (
	someInts    = []int64{1, 2, 0, 1, 3, -1, 2, 1, 4, -2, 1, 8, 1 << 40, math.MinInt64, math.MaxInt64}
	someFloats  = []float32{1, 0.5, 0, -1, 2, float32(math.NaN()), float32(math.Inf(1)), 1e30}
	someStrings = []string{"SAME_UPPER", "NOTSET", "VALID", "linear", "cubic", "nearest", "reflect", "edge", "wrap", "constant", "CRD",
		"align_corners", "tf_crop_and_resize", "asymmetric", "tanh", "none", "mean", "not_larger", "?"}
	someShapes = []tensor.Shape{{1, 4, 6, 6}, {4}, {4, 4, 3, 3}, {}, {2, 3}, {1}, {2, 1, 5}, {1, 2, 3, 3, 3}, {6, 4, 1, 1}, {0, 3}, {4, 6}, {8, 1, 3, 3}}
	someTypes  = []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float32, tensor.Int64, tensor.Float16, tensor.Uint8, tensor.Float64,
		tensor.Int8, tensor.Bool, tensor.Int32, tensor.BFloat16, tensor.Uint64}
	windowNames = []string{"strides", "pads", "dilations", "kernel_shape", "auto_pad", "group", "ceil_mode", "count_include_pad", "output_padding", "output_shape", "p"}
	attrNames   = []string{"axis", "axes", "keepdims", "perm", "to", "mode", "blocksize", "epsilon", "alpha", "beta", "transA", "transB", "size",
		"num_groups", "block_size", "output_dtype", "coordinate_transformation_mode", "antialias", "exclude_outside", "keep_aspect_ratio_policy",
		"allowzero", "start", "end", "split", "num_outputs", "value_ints", "value_float", "training_mode", "noop_with_empty_axes", "largest",
		"exclusive", "reverse", "reduction", "batch_dims", "direction", "fmod", "value", "dtype", "min", "max", "starts", "ends", "scales"}
)

func (d *draw) attr(windows bool) Attr {
	name := pick(d, attrNames)
	if windows {
		name = pick(d, windowNames)
	}
	kind := attrKinds[name]
	if d.below(40) == 39 {
		kind = AttrKind(d.below(9))
	}
	a := Attr{Name: name, Kind: kind, Int: pick(d, someInts), Float: pick(d, someFloats), Str: []byte(pick(d, someStrings))}
	for range d.below(7) {
		a.Ints = append(a.Ints, pick(d, someInts))
		a.Floats = append(a.Floats, pick(d, someFloats))
	}
	if kind == AttrTensor {
		a.Tensor = d.tensor()
	}
	return a
}

func (d *draw) tensor() *tensor.Tensor {
	t := tensor.New(pick(d, someTypes), pick(d, someShapes)...)
	for i, b := 0, t.Bytes(); i < len(b); i += t.DType.Size() {
		b[i] = byte(d.below(5)) // small integers, tiny floats
		if t.DType == tensor.Bool {
			b[i] &= 1
		}
	}
	if t.DType == tensor.Float32 {
		for i := range t.Float32s() {
			t.Float32s()[i] = float32(i%7) - 2
		}
	}
	return t
}

// graph makes a network of a few random operators: mostly well-formed, often
// with attributes and shapes that do not fit.
func (d *draw) graph() *Graph {
	rows := Operators()
	g := net(pick(d, someShapes)).opsetIs(pick(d, []int64{17, 21, 13, 7, 9, 6, 11}))
	g.Inputs[0].DType = pick(d, someTypes)
	names := []string{"x"}
	for i := range 1 + d.below(4) {
		name := string(rune('a' + i))
		if g.Consts[name] = d.tensor(); d.below(3) == 0 {
			v := make([]int64, d.below(6))
			for k := range v {
				v[k] = pick(d, someInts)
			}
			g.Consts[name] = vector(v...)
		}
		names = append(names, name)
	}
	for i := range 1 + d.below(4) {
		row := &rows[(d.below(256)<<8|d.below(256))%len(rows)]
		n := &Node{Op: row.Name, Domain: row.Domain, Outputs: []string{"v" + string(rune('0'+i))}}
		for range max(row.In.Min, d.below(max(row.In.Max, 3)+1)) {
			n.Inputs = append(n.Inputs, pick(d, names))
		}
		if row.Out.Max != 1 && d.below(2) == 1 {
			n.Outputs = append(n.Outputs, "w"+string(rune('0'+i)))
		}
		seen := map[string]bool{}
		for range d.below(4) {
			if a := d.attr(n.Op == "Conv" || n.Op == "ConvTranspose" || n.Op == "QLinearConv" || row.Dense && row.In.Max == 1); !seen[a.Name] {
				seen[a.Name] = true
				n.Attrs = append(n.Attrs, a)
			}
		}
		names = append(names, n.Outputs...)
		g.Nodes = append(g.Nodes, n)
	}
	g.Outputs = []Value{{Name: names[len(names)-1]}}
	return g
}

// checkRandom plans and, if it is small, runs a random graph. Whatever it is,
// there is an error or results of the inferred types; it returns the operators run.
func checkRandom(t *testing.T, data []byte) []*Node {
	t.Helper()
	d := draw(data)
	g := d.graph()
	p, err := g.plan()
	if err != nil {
		return nil
	}
	total := 0
	for _, ty := range p.Types {
		total += ty.Shape.Elems()
	}
	if total > 1<<16 {
		return nil
	}
	in := map[string]*tensor.Tensor{}
	for _, name := range p.Inputs {
		in[name] = tensor.New(p.Types[name].DType, p.Types[name].Shape...)
	}
	out, err := p.Eval(in)
	if err != nil {
		return nil
	}
	for name, v := range out {
		want := p.Types[name]
		if v == nil || v.DType != want.DType || !v.Shape.Equal(want.Shape) || len(v.Bytes()) != want.Shape.Elems()*want.DType.Size() {
			t.Errorf("%q is %s, inferred %v %v", name, describe(v), want.DType, want.Shape)
		}
	}
	checkCompact(t, data, in, out)
	return g.Nodes
}

// checkCompact demands that a random graph computes the same after Compact.
func checkCompact(t *testing.T, data []byte, in, want map[string]*tensor.Tensor) {
	t.Helper()
	d := draw(data)
	g := d.graph()
	if err := g.Compact(); err != nil {
		t.Fatal(err)
	}
	p, err := g.plan()
	if err != nil {
		t.Fatalf("compact: %v", err)
	}
	got, err := p.Eval(in)
	if err != nil {
		t.Fatalf("compact: %v", err)
	}
	for name, w := range want {
		if v := got[name]; v.DType != w.DType || !v.Shape.Equal(w.Shape) || !bytes.Equal(v.Bytes(), w.Bytes()) {
			t.Errorf("compact: %q differs", name)
		}
	}
}

// TestRandomGraphs runs many random graphs and demands that most operators are
// reached, so that the generator does not decay unnoticed.
func TestRandomGraphs(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	ran := map[string]bool{}
	data := make([]byte, 256)
	for range 20000 {
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		for _, n := range checkRandom(t, data) {
			ran[n.Op] = true
		}
	}
	if all := len(Operators()); len(ran) < all*3/4 {
		t.Errorf("only %d of %d operators were run", len(ran), all)
	}
}

func FuzzGraph(f *testing.F) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 50 {
		data := make([]byte, 128)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkRandom(t, data) })
}
