package compress

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// channelNets are networks in which channels meet in all the ways that Permute
// knows, and in some that it does not. moved names weights whose inputs must
// have changed their order, kept some that must not.
var channelNets = map[string]struct {
	net         func(b *builder) *graph.Graph
	moved, kept []string
}{
	"chain": {func(b *builder) *graph.Graph {
		b.conv("a", 16, 3, 3, true).relu().conv("b", 24, 16, 1, true).norm("bn", 24).relu().conv("c", 24, 24, 3, false)
		return b.done(24, 8, 8)
	}, []string{"b.weight"}, []string{"c.weight"}}, // c has blocks of whole kernels, and outputs of the network
	"residual": {func(b *builder) *graph.Graph {
		b.conv("a", 16, 3, 3, true).relu()
		for i := range 2 {
			in := b.at
			b.conv(fmt.Sprint("b", i), 32, 16, 1, true).relu().conv(fmt.Sprint("c", i), 16, 32, 1, true).node("Add", fmt.Sprint("sum", i), []string{in}).relu()
		}
		return b.conv("d", 8, 16, 1, true).done(8, 8, 8)
	}, []string{"b0.weight", "c0.weight", "b1.weight", "c1.weight", "d.weight"}, nil},
	"concat": {func(b *builder) *graph.Graph {
		in := b.conv("a", 16, 3, 3, true).relu().at
		left := b.conv("b", 8, 16, 1, true).relu().at
		b.at = in
		b.conv("c", 12, 16, 1, true).relu().node("Concat", "join", []string{left, in}, graph.IntAttr("axis", 1))
		return b.conv("d", 16, 36, 1, true).norm("bn", 16).done(16, 8, 8)
	}, []string{"d.weight"}, nil},
	"grouped": {func(b *builder) *graph.Graph {
		b.conv("a", 32, 3, 3, true).relu().conv("g", 32, 16, 1, true, graph.IntAttr("group", 2)).relu()
		return b.conv("d", 16, 32, 1, true).done(16, 8, 8)
	}, []string{"g.weight", "d.weight"}, nil},
	"depthwise": {func(b *builder) *graph.Graph {
		b.conv("a", 16, 3, 3, true).relu().conv("dw", 16, 1, 3, true, graph.IntAttr("group", 16)).norm("bn", 16).relu()
		b.conv("p", 24, 16, 1, true).node("PRelu", "prelu", []string{b.random("slope", 24, 1, 1)})
		return b.conv("twice", 48, 1, 3, true, graph.IntAttr("group", 24)).conv("q", 16, 48, 1, true).done(16, 8, 8)
	}, []string{"dw.weight", "p.weight"}, []string{"twice.weight"}},
	"flatten": {func(b *builder) *graph.Graph {
		b.conv("a", 16, 3, 3, true).relu().node("MaxPool", "pool", nil, graph.IntsAttr("kernel_shape", 4, 4), graph.IntsAttr("strides", 4, 4)).node("Flatten", "flat", nil)
		b.node("Gemm", "fc1", []string{b.random("fc1.weight", 32, 64), b.random("fc1.bias", 32)}, graph.IntAttr("transB", 1)).relu()
		b.node("MatMul", "fc2", []string{b.random("fc2.weight", 32, 24)}).node("Add", "fc2.add", []string{b.random("fc2.bias", 24)}).relu()
		return b.node("Gemm", "fc3", []string{b.random("fc3.weight", 24, 16)}).done(16)
	}, []string{"fc2.weight", "fc3.weight"}, []string{"fc1.weight"}}, // fc1 has blocks within planes of four
	"squeeze and excite": {func(b *builder) *graph.Graph {
		in := b.conv("a", 16, 3, 3, true).relu().at
		b.node("GlobalAveragePool", "pool", nil).conv("s", 8, 16, 1, true).relu().conv("e", 16, 8, 1, true).node("Sigmoid", "gate", nil).node("Mul", "scaled", []string{in})
		b.node("ReduceMean", "mean", nil, graph.IntsAttr("axes", 2, 3), graph.IntAttr("keepdims", 0))
		return b.node("Gemm", "fc", []string{b.random("fc.weight", 16, 12), b.random("fc.bias", 1, 12)}).done(12)
	}, []string{"s.weight", "e.weight", "fc.weight"}, nil},
	"channels last": {func(b *builder) *graph.Graph {
		b.conv("a", 16, 3, 3, true).relu().node("GlobalAveragePool", "pool", nil).node("Transpose", "last", nil, graph.IntsAttr("perm", 0, 2, 3, 1))
		b.g.Consts["shape"] = tensor.Of([]int64{-1, 16}, 2)
		return b.node("Reshape", "flat", []string{"shape"}).node("Gemm", "fc", []string{b.random("fc.weight", 16, 12)}).done(12)
	}, []string{"fc.weight"}, nil},
	"shuffle": {func(b *builder) *graph.Graph {
		b.g.Consts["split"], b.g.Consts["joined"] = tensor.Of([]int64{-1, 4, 4, 8, 8}, 5), tensor.Of([]int64{-1, 16, 8, 8}, 4)
		b.conv("a", 16, 3, 3, true).relu().node("Reshape", "s", []string{"split"}).node("Transpose", "t", nil, graph.IntsAttr("perm", 0, 2, 1, 3, 4)).node("Reshape", "j", []string{"joined"})
		return b.conv("d", 16, 16, 1, true).done(16, 8, 8)
	}, nil, []string{"a.weight", "d.weight"}},
	"shared": {func(b *builder) *graph.Graph { // one constant for two layers
		shift := b.random("shift", 16, 1, 1)
		b.conv("a", 16, 3, 3, true).node("Add", "a.shift", []string{shift}).relu().conv("b", 16, 16, 1, true).node("Add", "b.shift", []string{shift}).relu()
		return b.conv("d", 16, 16, 1, true).done(16, 8, 8)
	}, nil, []string{"a.weight", "b.weight", "d.weight"}},
}

// TestPermute: the permuted network computes the same, up to the order of
// sums, and weights have changed where they should.
func TestPermute(t *testing.T) {
	for name, c := range channelNets {
		t.Run(name, func(t *testing.T) {
			g := c.net(newBuilder(3, 8, 8))
			out, err := Permute(context.Background(), g, Small())
			if err != nil {
				t.Fatal(err)
			}
			sameFunction(t, g, out, gaussian(newRNG(5), 3*8*8))
			changed := func(w string) bool { return !slices.Equal(g.Consts[w].Float32s(), out.Consts[w].Float32s()) }
			for _, w := range c.moved {
				if !changed(w) {
					t.Errorf("%s has kept its order", w)
				}
			}
			for _, w := range c.kept {
				a, b := slices.Clone(g.Consts[w].Float32s()), slices.Clone(out.Consts[w].Float32s())
				slices.Sort(a)
				slices.Sort(b)
				if !slices.Equal(a, b) || len(c.moved) == 0 && changed(w) {
					t.Errorf("%s has changed", w)
				}
			}
		})
	}
}

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// sameFunction fails unless a and b compute the same from x.
func sameFunction(t failer, a, b *graph.Graph, x []float32) {
	t.Helper()
	y := [2][]float32{eval(t, a, x), eval(t, b, x)}
	var largest float64
	for _, v := range y[0] {
		largest = max(largest, math.Abs(float64(v)))
	}
	for i, v := range y[0] {
		if d := math.Abs(float64(v) - float64(y[1][i])); !(d <= 1e-4*largest) {
			t.Fatalf("output %d: %g, want %g", i, y[1][i], v)
		}
	}
}

// TestPermuteRandom draws networks of convolutions of all kinds, sums and joins.
func TestPermuteRandom(t *testing.T) {
	moved := false
	rapid.Check(t, func(t *rapid.T) {
		b := newBuilder(3, 6, 6)
		b.rng = newRNG(rapid.Uint64().Draw(t, "seed"))
		type value struct {
			name     string
			channels int
		}
		at := []value{{b.conv("first", 16, 3, 3, true).relu().at, 16}}
		for i := range rapid.IntRange(1, 8).Draw(t, "nodes") {
			from := at[rapid.IntRange(0, len(at)-1).Draw(t, "from")]
			b.at = from.name
			name, n := fmt.Sprint("n", i), from.channels
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0:
				n = 8 * rapid.IntRange(1, 3).Draw(t, "outputs")
				b.conv(name, n, from.channels, 1, true).relu()
			case 1:
				b.conv(name, n, 1, 3, i%2 == 0, graph.IntAttr("group", int64(n))).norm(name+".bn", n)
			case 2:
				b.conv(name, n, n/4, 1, true, graph.IntAttr("group", 4))
			case 3:
				for _, other := range at {
					if other.channels == n && other.name != from.name {
						b.node("Add", name, []string{other.name})
						break
					}
				}
			case 4:
				other := at[rapid.IntRange(0, len(at)-1).Draw(t, "other")]
				b.node("Concat", name, []string{other.name}, graph.IntAttr("axis", 1))
				n += other.channels
			case 5:
				b.conv(name, n, n, 3, true).relu()
			}
			at = append(at, value{b.at, n})
		}
		last := at[len(at)-1]
		b.at = last.name
		b.node("GlobalAveragePool", "pool", nil).node("Flatten", "flat", nil)
		g := b.node("Gemm", "fc", []string{b.random("fc.weight", last.channels, 10)}).done(10)
		o := Small()
		o.Specs[Conv].D = rapid.SampledFrom([]int{9, 18}).Draw(t, "d")
		out, err := Permute(context.Background(), g, o)
		if err != nil {
			t.Fatal(err)
		}
		moved = moved || !slices.Equal(g.Consts["fc.weight"].Float32s(), out.Consts["fc.weight"].Float32s())
		sameFunction(t, g, out, gaussian(b.rng, 3*6*6))
	})
	if !moved {
		t.Error("nothing was permuted: the test shows nothing")
	}
}

// TestArrangement: channels that are alike in threes of four find each other,
// and the moments kept up over all swaps are those of the result.
func TestArrangement(t *testing.T) {
	b := newBuilder(3, 8, 8)
	b.conv("a", 32, 3, 3, true).relu().conv("b", 40, 32, 1, false)
	g := b.done(40, 8, 8)
	w := b.g.Consts["b.weight"].Float32s()
	for o := range 40 {
		for i := range 32 { // channels 0, 4, 8... carry most
			if w[o*32+i] *= 0.1; i%8 < 2 {
				w[o*32+i] *= 30
			}
		}
	}
	o := Small()
	n, layers, err := newNetwork(g, &o)
	if err != nil {
		t.Fatal(err)
	}
	a := &arrangement{rng: newRNG(1)}
	for _, u := range newFlow(n).uses {
		for _, l := range layers {
			if l.name == u.name {
				a.add(l, u, n.consts[u.name])
			}
		}
	}
	if len(a.children) != 1 || len(a.spaces) != 1 {
		t.Fatalf("%d children of %d spaces", len(a.children), len(a.spaces))
	}
	c := a.children[0]
	before := c.score()
	if err := a.improve(context.Background()); err != nil {
		t.Fatal(err)
	}
	after := c.score()
	if after > 0.7*before {
		t.Errorf("score %g, %g before", after, before)
	}
	c.tally()
	if exact := c.score(); math.Abs(exact-after) > 1e-9 {
		t.Errorf("score %g after swaps, %g computed anew", after, exact)
	}
	if !slices.Equal(c.order, a.spaces[0].order) {
		t.Error("the child and its space disagree")
	}
}
