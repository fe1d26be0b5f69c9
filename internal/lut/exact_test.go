package lut

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/tensor"
)

// checkExact: exact products of weights in use are off by the rounding of the
// weight; what a level is off, the biases make up for.
func checkExact(t *testing.T, l *Linear, used []bool, words []float32, in spacing, scale float64) {
	t.Helper()
	table, rest := l.Table, 0.0
	for a := range table.Levels {
		level := (float64(table.First) + float64(a)*float64(table.Step)) / float64(table.Step)
		rest = float64(a) + in.offset - level
		if w := l.Window; w.Top+w.Left+w.Bottom+w.Right > 0 && math.Abs(rest) > 1./2/float64(table.Step) {
			t.Fatalf("%s: level %d is off by %v of a step, of which there are %d parts", l.Name, a, rest, table.Step)
		}
		for i := range words {
			if !used[i] {
				continue
			}
			got := math.Ldexp(float64(table.product(a, i)), -int(table.LowBits))
			bound := math.Abs(level*float64(table.Step)) / math.Ldexp(2, int(table.LowBits))
			if off := math.Abs(got - level*float64(words[i])*scale); off > bound*(1+1e-9) {
				t.Fatalf("%s: product of level %d and weight %d is off by %v, want at most %v", l.Name, a, i, off, bound)
			}
		}
	}
	if l.Pad < table.Levels && table.product(l.Pad, 0) != 0 {
		t.Fatalf("%s: a product of padding is not 0", l.Name)
	}
}

// TestFraction: the nearest of all fractions, of the least denominator.
func TestFraction(t *testing.T) {
	for _, c := range []struct {
		x    float64
		most int
		n    float64
		d    int
	}{{0, 1024, 0, 1}, {-15.5, 1024, -31, 2}, {-15.5, 1, -15, 1}, {math.Pi, 200, 355, 113}, {-math.Pi, 7, -22, 7}, {1. / 3, 2, 1, 2}, {5, 9, 5, 1}} {
		if n, d := fraction(c.x, c.most); n != c.n || d != c.d {
			t.Errorf("fraction of %v: %v/%d, want %v/%d", c.x, n, d, c.n, c.d)
		}
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for range 500 {
		x, most := rng.NormFloat64()*20, 1+rng.IntN(300)
		n, d := fraction(x, most)
		if off := math.Abs(x - n/float64(d)); off > 1/float64(d*(most+1))+1e-12 { // Dirichlet's theorem, for one of them
			best := math.Inf(1)
			for e := 1; e <= most; e++ {
				best = min(best, math.Abs(x-math.Round(x*float64(e))/float64(e)))
			}
			if off > best+1e-15 {
				t.Errorf("fraction of %v up to %d: %v/%d is off by %v, want %v", x, most, n, d, off, best)
			}
		}
	}
}

// TestExactLikeFloat compares exact networks with the float32 reference of their
// graphs: of the numbers that rounded products move to another level, one in
// twenty does at most. (It is tanh, whose levels end at bins.)
func TestExactLikeFloat(t *testing.T) {
	off, coarse, all := 0, 0, 0
	for seed := range uint64(60) {
		_, g := randomNetwork(t, seed)
		n, err := Build(g, Options{Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(n.Tables(), func(t *Table) bool { return !t.Exact() }) {
			continue // pairs
		}
		rounded, err := Build(g, Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Specialize(inputTypes(g), nil)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 11))
		x := tensor.New(tensor.Float32, inputTypes(g)["x"].Shape...)
		for range 10 {
			for i := range x.Float32s() {
				x.Float32s()[i] = float32(rng.NormFloat64())
			}
			want, err := p.Eval(map[string]*tensor.Tensor{"x": x})
			if err != nil {
				t.Fatal(err)
			}
			differ, count := outputsOff(n, x, want)
			off, all = off+differ, all+count
			differ, _ = outputsOff(rounded, x, want)
			coarse += differ
		}
	}
	t.Logf("of %d numbers %d are off, with rounded products %d", all, off, coarse)
	if off > coarse/20 || off > all/200 || all < 10000 {
		t.Errorf("of %d numbers %d are off, with rounded products %d", all, off, coarse)
	}
}

// outputsOff counts the numbers of the outputs of n that differ from want.
func outputsOff(n *Network, x *tensor.Tensor, want map[string]*tensor.Tensor) (off, all int) {
	s := n.NewSession()
	s.Quantize("x", x.Float32s())
	s.Run()
	for i, o := range n.Outputs {
		got := s.Output(i, nil)
		for j, w := range want[o.Name].Float32s() {
			all++
			if math.Abs(float64(got[j]-w)) > 1e-4*math.Max(1, math.Abs(float64(w))) {
				off++
			}
		}
	}
	return off, all
}
