package lut

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// The task: to tell patterns apart, random smooth images under noise.
const (
	patternSize = 16
	patterns    = 10
)

// patternNet is a network for patterns: two convolutions of random codes,
// whose averaged levels a last layer, fitted by least squares, classifies.
func patternNet(t testing.TB) *graph.Graph {
	features := func() (*sketch, string) {
		s := newSketch(7, 1, patternSize, patternSize)
		x := s.quantise("x", graph.Quantiser{Levels: 32, High: 1})
		c := s.conv(x, s.book(256, 1), 1, 16, 5, 1, 2, 1, 1)
		x = s.quantise(c, graph.Quantiser{Levels: 32, High: 2})
		c = s.conv(x, s.book(256, 2), 2, 32, 3, 2, 1, 1, 1)
		x = s.quantise(c, graph.Quantiser{Levels: 32, High: 7.75})
		p := s.node("AveragePool", []string{x}, tensor.Shape{1, 32, 4, 4}, graph.IntsAttr("kernel_shape", 2, 2), graph.IntsAttr("strides", 2, 2))
		return s, s.quantise(p, graph.Quantiser{Levels: 32, High: 7.75})
	}
	s, y := features()
	weights := fitPatterns(t, s.network(t, Options{}, y))
	s, y = features()
	k := s.shapes[y].Elems()
	f := s.node("Flatten", []string{y}, tensor.Shape{1, k})
	s.cluster("last", weights[:k*patterns], 500, patterns)
	s.Consts["bias"] = tensor.Of(weights[k*patterns:], patterns)
	s.node("Gemm", []string{f, "last", "bias"}, tensor.Shape{1, patterns})
	s.Outputs = []graph.Value{{Name: s.Nodes[len(s.Nodes)-1].Outputs[0], DType: tensor.Float32, NoShape: true}}
	return s.Graph
}

// cluster adds the weight [rows, outputs] of the values w as a codebook of k
// words: the means of runs of its sorted values.
func (s *sketch) cluster(name string, w []float32, k, outputs int) {
	sorted := slices.Clone(w)
	slices.Sort(sorted)
	words := make([]float32, k)
	for i := range words {
		run := sorted[len(w)*i/k : len(w)*(i+1)/k]
		for _, v := range run {
			words[i] += v / float32(len(run))
		}
	}
	rows := len(w) / outputs
	c := &graph.Codebook{Name: name, K: k, D: 1, Blocks: rows, Outputs: outputs, Shape: tensor.Shape{outputs, rows}, Perm: []int{1, 0},
		Words: tensor.Of(words, k, 1), Codes: make([]uint16, len(w))}
	for i, v := range w {
		at, _ := slices.BinarySearch(words, v)
		if at == k || at > 0 && v-words[at-1] < words[at]-v {
			at--
		}
		c.Codes[i] = uint16(at)
	}
	if err := s.AddCodebook(c); err != nil {
		panic(err)
	}
}

// drawPattern is image i of a stream, and its class.
func drawPattern(seed uint64, i int) ([]float32, int) {
	rng := rand.New(rand.NewPCG(seed, uint64(i)))
	label := rng.IntN(patterns)
	pure := rand.New(rand.NewPCG(0, uint64(label)))
	var waves [4][4]float64
	for j := range waves {
		waves[j] = [4]float64{pure.NormFloat64() * 0.4, pure.NormFloat64() * 0.4, pure.Float64() * 6, pure.NormFloat64()}
	}
	x := make([]float32, patternSize*patternSize)
	for p := range x {
		v := 0.5 + 0.15*rng.NormFloat64()
		for _, w := range waves {
			v += 0.1 * w[3] * math.Sin(w[0]*float64(p/patternSize)+w[1]*float64(p%patternSize)+w[2])
		}
		x[p] = float32(v)
	}
	return x, label
}

// fitPatterns is the weights [features, classes] and biases of the least squares
// solution for 1500 patterns, with a little weight decay.
func fitPatterns(t testing.TB, n *Network) []float32 {
	s := n.Compile(kernel.Best()).NewSession()
	k := n.Tensors[n.Outputs[0].Tensor].Elems() + 1
	gram, right := make([]float64, k*k), make([]float64, k*patterns)
	for i := range 1500 {
		x, label := drawPattern(1, i)
		s.Quantize("x", x)
		s.Run()
		f := append(s.Output(0, nil), 1)
		for a, v := range f {
			if v == 0 {
				continue
			}
			for b, w := range f {
				gram[a*k+b] += float64(v * w)
			}
			right[a*patterns+label] += float64(v)
		}
	}
	for a := range k {
		gram[a*k+a] += 1000
	}
	solve(gram, right, k, patterns)
	out := make([]float32, len(right))
	for i, v := range right {
		out[i] = float32(v)
	}
	return out
}

// solve replaces right [k, n] by the solution of gram * x = right, by Cholesky.
func solve(gram, right []float64, k, n int) {
	for i := range k {
		for j := 0; j <= i; j++ {
			sum := gram[i*k+j]
			for m := range j {
				sum -= gram[i*k+m] * gram[j*k+m]
			}
			if i == j {
				gram[i*k+i] = math.Sqrt(sum)
			} else {
				gram[i*k+j] = sum / gram[j*k+j]
			}
		}
	}
	for i := range k {
		for m := range i {
			for c := range n {
				right[i*n+c] -= gram[i*k+m] * right[m*n+c]
			}
		}
		for c := range n {
			right[i*n+c] /= gram[i*k+i]
		}
	}
	for i := k - 1; i >= 0; i-- {
		for m := i + 1; m < k; m++ {
			for c := range n {
				right[i*n+c] -= gram[m*k+i] * right[m*n+c]
			}
		}
		for c := range n {
			right[i*n+c] /= gram[i*k+i]
		}
	}
}

// TestTrainedLikeFloat writes a fitted network as ONNX, reads it, and compares
// integers with the float32 engine on patterns it has not seen: the same class in
// 99.9 % of them.
func TestTrainedLikeFloat(t *testing.T) {
	b, err := onnx.Encode(patternNet(t))
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Decode("patterns.onnx", b, nil)
	if err == nil {
		err = g.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := Build(g, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := engine.Compile(g, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const count, batch = 2000, 50
	plan, err := m.Plan(map[string]tensor.Shape{"x": {batch, 1, patternSize, patternSize}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	float, integer := m.NewSession(), n.Compile(kernel.Best()).NewBatch(2)
	same, right := 0, 0
	for first := 0; first < count; first += batch {
		in := tensor.New(tensor.Float32, batch, 1, patternSize, patternSize)
		labels := make([]int, batch)
		for i := range batch {
			var x []float32
			x, labels[i] = drawPattern(2, first+i)
			copy(in.Float32s()[i*len(x):], x)
		}
		want, err := float.Run(t.Context(), plan, map[string]*tensor.Tensor{"x": in})
		if err != nil {
			t.Fatal(err)
		}
		got, err := integer.Run(t.Context(), map[string]*tensor.Tensor{"x": in})
		if err != nil {
			t.Fatal(err)
		}
		name := g.Outputs[0].Name
		for i := range batch {
			row := func(y *tensor.Tensor) int { return argMax(y.Float32s()[i*patterns:][:patterns]) }
			if row(got[name]) == row(want[name]) {
				same++
			}
			if row(got[name]) == labels[i] {
				right++
			}
		}
	}
	t.Logf("same class in %d of %d, right class in %d", same, count, right)
	if same < count*999/1000 {
		t.Errorf("same class as float32 in %d of %d", same, count)
	}
	if right < count*9/10 {
		t.Errorf("right class in %d of %d: the network has learnt nothing to compare", right, count)
	}
}
