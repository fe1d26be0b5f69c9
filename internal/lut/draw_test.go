package lut

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// sketch draws a graph of the kind that Build reads, with random weights.
type sketch struct {
	*graph.Graph
	rng    *rand.Rand
	words  map[string]*tensor.Tensor // shared codebooks by name
	number int
	shapes map[string]tensor.Shape
	quants map[string]graph.Quantiser
}

func newSketch(seed uint64, shape ...int) *sketch {
	s := &sketch{
		Graph: &graph.Graph{File: "sketch.onnx", Name: "sketch", Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 17}},
		rng:   rand.New(rand.NewPCG(seed, 1)), words: map[string]*tensor.Tensor{},
		shapes: map[string]tensor.Shape{}, quants: map[string]graph.Quantiser{},
	}
	v := graph.Value{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}}}
	for _, n := range shape {
		v.Dims = append(v.Dims, graph.Dim{Size: n})
	}
	s.Inputs = []graph.Value{v}
	s.shapes["x"] = append(tensor.Shape{1}, shape...)
	return s
}

func (s *sketch) name(prefix string) string {
	s.number++
	return fmt.Sprint(prefix, s.number)
}

// node appends an operator; shape is that of its output.
func (s *sketch) node(op string, in []string, shape tensor.Shape, attrs ...graph.Attr) string {
	y := s.name(op)
	s.Nodes = append(s.Nodes, &graph.Node{Name: y, Op: op, Inputs: in, Outputs: []string{y}, Attrs: attrs})
	s.shapes[y] = shape
	return y
}

func (s *sketch) quantise(x string, q graph.Quantiser) string {
	y := s.name("level")
	if err := s.AddQuantiser(q, x, y); err != nil {
		panic(err)
	}
	s.shapes[y], s.quants[y] = s.shapes[x], q
	return y
}

const spread = 0.2 // scale of codewords

// book is the name of a shared initializer of k codewords of d Laplacian numbers.
func (s *sketch) book(k, d int) string {
	name := fmt.Sprintf("words%dx%d", k, d)
	if s.words[name] == nil {
		t := tensor.New(tensor.Float32, k, d)
		for i := range t.Float32s() {
			t.Float32s()[i] = float32(spread*math.Log(1-s.rng.Float64())) * float32(1-2*s.rng.IntN(2))
		}
		s.words[name] = t
	}
	return name
}

// weight adds a weight [outputs, rest...], or its transpose, of random codes.
func (s *sketch) weight(book string, shape tensor.Shape, d int, transposed bool) string {
	words, k := s.words[book], shape[1:].Elems()
	c := &graph.Codebook{Name: s.name("w"), K: words.Shape[0], D: d, Words: words}
	switch {
	case d == 1 && !transposed:
		c.Blocks, c.Outputs, c.Shape = k, shape[0], shape.Clone()
	case d == 1:
		c.Blocks, c.Outputs, c.Shape = k, shape[0], tensor.Shape{shape[0], k}
	default:
		c.Blocks, c.Outputs, c.Shape = shape[0]/d, k, tensor.Shape{k, shape[0]}
	}
	for i := range c.Shape {
		c.Perm = append(c.Perm, i)
	}
	if len(c.Shape) == 2 && transposed == (d == 1) {
		c.Perm = []int{1, 0}
	}
	c.Codes = make([]uint16, c.Blocks*c.Outputs)
	for i := range c.Codes {
		c.Codes[i] = uint16(s.rng.IntN(c.K))
	}
	if err := s.AddCodebook(c); err != nil {
		panic(err)
	}
	s.ShareCodewords()
	if len(shape) == 2 || len(c.Shape) == len(shape) {
		return c.Name
	}
	s.Consts[c.Name+".dims"] = tensor.Of(int64s(shape), len(shape))
	return s.node("Reshape", []string{c.Name, c.Name + ".dims"}, shape)
}

func int64s(v []int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

func (s *sketch) bias(n int, spread float64) string {
	name := s.name("b")
	t := tensor.New(tensor.Float32, n)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(s.rng.NormFloat64() * spread)
	}
	s.Consts[name] = t
	return name
}

// bounds is a quantiser whose range suits sums of k products of x, so that all
// levels occur.
func (s *sketch) bounds(x string, k int, levels int, form int) graph.Quantiser {
	q := s.quants[x]
	size := float32(math.Max(math.Abs(float64(q.Low)), math.Abs(float64(q.High))))
	high := size * float32(math.Sqrt(2*float64(k))) * 0.8 * spread
	switch form {
	case 0:
		return graph.Quantiser{Levels: levels, High: high}
	case 1:
		return graph.Quantiser{Levels: levels, Low: -high / 3 * 2, High: high}
	}
	return graph.Quantiser{Tanh: true, Levels: levels, Low: -1, High: 1}
}

// conv is a convolution of x, not quantised.
func (s *sketch) conv(x, book string, d, outputs, kernel, stride, pad, dilation, groups int) string {
	in := s.shapes[x]
	w := s.weight(book, tensor.Shape{outputs, in[1] / groups, kernel, kernel}, d, false)
	size := func(n int) int { return (n+2*pad-(kernel-1)*dilation-1)/stride + 1 }
	return s.node("Conv", []string{x, w, s.bias(outputs, 1)}, tensor.Shape{1, outputs, size(in[2]), size(in[3])},
		graph.IntsAttr("strides", int64(stride), int64(stride)), graph.IntsAttr("dilations", int64(dilation), int64(dilation)),
		graph.IntsAttr("pads", int64(pad), int64(pad), int64(pad), int64(pad)), graph.IntAttr("group", int64(groups)))
}

// dense is a matrix product of the flattened x, not quantised.
func (s *sketch) dense(x, book string, d, outputs int) string {
	in := s.shapes[x]
	k := in.Elems()
	if len(in) > 2 {
		q := s.quants[x]
		x = s.node("Flatten", []string{x}, tensor.Shape{1, k})
		s.quants[x] = q
	}
	shape := tensor.Shape{1, outputs}
	switch s.rng.IntN(3) {
	case 0:
		w := s.weight(book, tensor.Shape{outputs, k}, d, true)
		y := s.node("MatMul", []string{x, w}, shape)
		return s.node("Add", []string{y, s.bias(outputs, 1)}, shape)
	case 1:
		return s.node("Gemm", []string{x, s.weight(book, tensor.Shape{outputs, k}, d, true), s.bias(outputs, 1)}, shape)
	}
	return s.node("Gemm", []string{x, s.weight(book, tensor.Shape{outputs, k}, d, false), s.bias(outputs, 1)}, shape, graph.IntAttr("transB", 1))
}

func (s *sketch) hasZero(x string) bool {
	q := s.quants[x]
	return spacingOf(q).zero(q.Levels) >= 0
}

// shortcut is every second pixel of x, and channels of zeros around those there are.
func (s *sketch) shortcut(x string, more int) string {
	in := s.shapes[x].Clone()
	ints := func(v ...int64) string {
		name := s.name("ints")
		s.Consts[name] = tensor.Of(v, len(v))
		return name
	}
	in[2], in[3] = (in[2]+1)/2, (in[3]+1)/2
	y := s.node("Slice", []string{x, ints(0, 0), ints(math.MaxInt32, math.MaxInt32), ints(2, 3), ints(2, 2)}, in.Clone())
	in[1] += more
	return s.node("Pad", []string{y, ints(0, int64(more/2), 0, 0, 0, int64(more-more/2), 0, 0)}, in)
}

// shuffle makes 2x2 pixels of every 4 channels of x, as far as there are, or turns x.
func (s *sketch) shuffle(x string, turn bool) string {
	in := s.shapes[x]
	var y string
	if in[1]%4 == 0 && !turn {
		y = s.node("DepthToSpace", []string{x}, tensor.Shape{1, in[1] / 4, 2 * in[2], 2 * in[3]}, graph.IntAttr("blocksize", 2), graph.StringAttr("mode", "CRD"))
	} else {
		y = s.node("Transpose", []string{x}, tensor.Shape{1, in[1], in[3], in[2]}, graph.IntsAttr("perm", 0, 1, 3, 2))
	}
	s.quants[y] = s.quants[x]
	return y
}

// network is the graph with the outputs given, validated.
func (s *sketch) network(t testing.TB, o Options, outputs ...string) *Network {
	t.Helper()
	for _, y := range outputs {
		s.Outputs = append(s.Outputs, graph.Value{Name: y, DType: tensor.Float32, NoShape: true})
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	n, err := Build(s.Graph, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
