package engine

import (
	"fmt"
	"math/rand/v2"
	"pgregory.net/rapid"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// net builds small graphs: every method adds a node and returns the name of
// its result.
type net struct {
	g   *graph.Graph
	rng *rand.Rand
}

func newNet(seed uint64, inputs ...tensor.Shape) *net {
	n := &net{
		g:   &graph.Graph{Consts: map[string]*tensor.Tensor{}, Opsets: map[string]int64{"": 13}},
		rng: rand.New(rand.NewPCG(seed, 1)),
	}
	for i, s := range inputs {
		v := graph.Value{Name: fmt.Sprintf("x%d", i), DType: tensor.Float32}
		for j, d := range s {
			if j == 0 {
				d = -1
			}
			v.Dims = append(v.Dims, graph.Dim{Size: d})
		}
		n.g.Inputs = append(n.g.Inputs, v)
	}
	return n
}

func (n *net) node(op string, in []string, attrs ...graph.Attr) string {
	out := fmt.Sprintf("%s_%d", op, len(n.g.Nodes))
	n.g.Nodes = append(n.g.Nodes, &graph.Node{Name: "node_" + out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
	return out
}

// weight adds a random constant.
func (n *net) weight(shape ...int) string {
	t := tensor.New(tensor.Float32, shape...)
	n.fill(t)
	return n.constant(t)
}

func (n *net) constant(t *tensor.Tensor) string {
	name := fmt.Sprintf("w%d", len(n.g.Consts))
	n.g.Consts[name] = t
	return name
}

func (n *net) ints(v ...int64) string { return n.constant(tensor.Of(v, len(v))) }

func (n *net) fill(t *tensor.Tensor) {
	for i := range t.Float32s() {
		t.Float32s()[i] = n.rng.Float32()*2 - 1
	}
}

// codebook adds a random codebook weight.
func (n *net) codebook(k, d int, perm []int, shape ...int) string {
	name := fmt.Sprintf("q%d", len(n.g.Consts))
	blocks := tensor.Shape(shape[1:]).Elems() / d
	c := &graph.Codebook{Name: name, K: k, D: d, Blocks: blocks, Outputs: shape[0], Shape: shape, Perm: perm}
	for range blocks * shape[0] {
		c.Codes = append(c.Codes, uint16(n.rng.IntN(k)))
	}
	words := make([]uint16, k*d)
	for i := range words {
		words[i] = tensor.ToHalf(n.rng.Float32()*2 - 1)
	}
	c.Words = tensor.Half(words, k, d)
	if err := n.g.AddCodebook(c); err != nil {
		panic(err)
	}
	return name
}

// bytes gives the codebook weight name codewords in int8.
func (n *net) bytes(name string) string {
	c, err := n.g.Codebook(name)
	if err != nil {
		panic(err)
	}
	q, scale, _ := graph.RoundWords(c.FloatWords(), nil)
	c.Words, c.Scale = tensor.Of(q, c.K, c.D), scale
	if err := n.g.AddCodebook(c); err != nil {
		panic(err)
	}
	return name
}

func (n *net) conv(x, w string, attrs ...graph.Attr) string {
	return n.node("Conv", []string{x, w}, attrs...)
}

// norm adds a batch normalisation of c channels.
func (n *net) norm(x string, c int) string {
	variance := tensor.New(tensor.Float32, c)
	for i := range c {
		variance.Float32s()[i] = 0.5 + n.rng.Float32()
	}
	return n.node("BatchNormalization", []string{x, n.weight(c), n.weight(c), n.weight(c), n.constant(variance)})
}

func (n *net) relu(x string) string { return n.node("Relu", []string{x}) }

// output declares results.
func (n *net) output(names ...string) *graph.Graph {
	for _, name := range names {
		n.g.Outputs = append(n.g.Outputs, graph.Value{Name: name, DType: tensor.Float32, NoShape: true})
	}
	return n.g
}

// inputs makes random inputs of the given shapes.
func (n *net) inputs(shapes ...tensor.Shape) map[string]*tensor.Tensor {
	in := map[string]*tensor.Tensor{}
	for i, s := range shapes {
		t := tensor.New(tensor.Float32, s...)
		n.fill(t)
		in[fmt.Sprintf("x%d", i)] = t
	}
	return in
}

// levels are those this machine supports.
func levels() []kernel.Level {
	var all []kernel.Level
	for l := kernel.Generic; l <= kernel.Best(); l++ {
		if l.Supported() {
			all = append(all, l)
		}
	}
	return all
}

// tolerance bounds maxError: float32 sums in another order.
const tolerance = 2e-5

// check compares g, compiled in every way, with the reference definitions.
// Results must not depend on the number of threads at all.
func check(t rapid.TB, g *graph.Graph, in map[string]*tensor.Tensor) {
	t.Helper()
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range g.Outputs {
		names = append(names, v.Name)
	}
	want := evalReference(t, g, in, names)
	for _, l := range levels() {
		for _, plain := range []bool{false, true} {
			var first map[string]*tensor.Tensor
			for threads := 1; threads <= 3; threads++ {
				got := runPlan(t, g, Options{Threads: threads, Level: &l, NoFusion: plain}, in, nil)
				for _, name := range names {
					if e := maxError(got[name], want[name]); e > tolerance {
						t.Errorf("%v, %d threads, fusion %v: %s differs by %g", l, threads, !plain, name, e)
					}
					if first != nil && string(first[name].Bytes()) != string(got[name].Bytes()) {
						t.Errorf("%v, fusion %v: %s depends on the number of threads", l, !plain, name)
					}
				}
				first = got
			}
		}
	}
}
