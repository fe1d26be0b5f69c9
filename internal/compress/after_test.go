package compress

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// doubling is an AfterEach whose codewords are twice those that it gets. seen
// are the layers, and how many codebooks the network had at each.
func doubling(t *testing.T, seen *[]string, books *[]int) *AfterEach {
	return &AfterEach{Note: "double", Distil: func(_ context.Context, g *graph.Graph, weight string, layer int, done func(int, int)) (*graph.Codebook, error) {
		if err := g.Validate(); err != nil {
			t.Errorf("%s: %v", weight, err)
		}
		all, err := g.Codebooks()
		if err != nil {
			t.Error(err)
		}
		*seen, *books = append(*seen, weight), append(*books, len(all))
		done(1, 1)
		c, err := g.Codebook(weight)
		if err != nil {
			return nil, err
		}
		words := c.FloatWords()
		for i := range words {
			words[i] *= 2
		}
		if c.Scale != 0 {
			c.Scale *= 2
		} else {
			c.Words = toHalf(tensor.Of(words, c.K, c.D))
		}
		return c, nil
	}}
}

// TestAfterEach: every quantised layer is distilled once, in order, in a network
// where those behind it are still dense, and the result has the new codewords,
// also those that layers share.
func TestAfterEach(t *testing.T) {
	for _, share := range []bool{false, true} {
		src := randomSamples(5, 6, testInput)
		o := Small()
		o.Share = share
		var seen []string
		var books []int
		o.AfterEach = doubling(t, &seen, &books)
		out, report := mustRun(t, testNet(), src, o)
		var want []string
		for _, l := range report.Layers {
			if l.Storage == Quantised && !l.Exact {
				want = append(want, l.Name)
			}
		}
		if !slices.Equal(seen, want) {
			t.Errorf("distilled %v, want %v", seen, want)
		}
		for i, n := range books {
			if n != i+1 {
				t.Errorf("%d codebooks at layer %d", n, i)
			}
		}
		last := seen[len(seen)-1]
		a, err := out.Codebook(last)
		if err != nil {
			t.Fatal(err)
		}
		o.AfterEach.Distil = func(_ context.Context, g *graph.Graph, weight string, _ int, _ func(int, int)) (*graph.Codebook, error) {
			if weight == last { // as it was, where all before was doubled
				return g.Codebook(weight)
			}
			return doubling(t, new([]string), new([]int)).Distil(t.Context(), g, weight, 0, func(int, int) {})
		}
		plain, _ := mustRun(t, testNet(), src, o)
		b, err := plain.Codebook(last)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Codes, b.Codes) {
			t.Error("another last layer")
		}
		for i, v := range b.FloatWords() {
			if a.FloatWords()[i] != 2*v {
				t.Fatalf("codeword value %v, want %v", a.FloatWords()[i], 2*v)
			}
		}
	}
}

// TestAfterEachShared: layers that share codewords share the new ones, and what
// the layers behind them read is computed with those, kept or not.
func TestAfterEachShared(t *testing.T) {
	src := randomSamples(5, 6, testInput)
	o := Small()
	o.Share = true
	before, _ := mustRun(t, shareNet(), src, o)
	o.AfterEach = doubling(t, new([]string), new([]int))
	after, want := mustRun(t, shareNet(), src, o)
	if a, b := len(wordNames(before)), len(wordNames(after)); a != b {
		t.Errorf("%d sets of codewords, want %d", b, a)
	}
	o.CacheBytes = 1
	_, got := mustRun(t, shareNet(), src, o)
	for i, l := range got.Layers { // equal but for rounding, see TestSmallCache
		if w := want.Layers[i].OutputError; math.Abs(l.OutputError-w) > 1e-5 {
			t.Errorf("%s: output error %g, with kept activations %g", l.Name, l.OutputError, w)
		}
	}
}

// wordNames are the constants that hold codewords.
func wordNames(g *graph.Graph) map[string]bool {
	names := map[string]bool{}
	for _, n := range g.Nodes {
		if n.IsCodebook() {
			names[n.Inputs[len(n.Inputs)-1]] = true
		}
	}
	return names
}

// TestAfterEachResumes: interrupted while a layer is distilled, the run goes on
// with that layer and ends with the same bytes; another note is another run.
func TestAfterEachResumes(t *testing.T) {
	for name, net := range map[string]func() *graph.Graph{"own": testNet, "shared": shareNet} {
		src := randomSamples(5, 6, testInput)
		o := Small()
		o.Share = name == "shared"
		o.AfterEach = doubling(t, new([]string), new([]int))
		out, report := mustRun(t, net(), src, o)
		want := text(t, out)

		o.Checkpoint = filepath.Join(t.TempDir(), "checkpoint")
		last := report.Layers[len(report.Layers)-1].Name
		interrupted := errors.New("interrupted")
		double := o.AfterEach.Distil
		o.AfterEach.Distil = func(ctx context.Context, g *graph.Graph, weight string, layer int, done func(int, int)) (*graph.Codebook, error) {
			if weight == last {
				return nil, interrupted
			}
			return double(ctx, g, weight, layer, done)
		}
		if _, _, err := Run(t.Context(), net(), src, o); !errors.Is(err, interrupted) {
			t.Fatalf("%s: error %v", name, err)
		}
		var seen []string
		o.AfterEach = doubling(t, &seen, new([]int))
		out, _ = mustRun(t, net(), src, o)
		if text(t, out) != want {
			t.Errorf("%s: the resumed run gives another result", name)
		}
		if !slices.Equal(seen, []string{last}) {
			t.Errorf("%s: distilled %v again, want %s", name, seen, last)
		}
		o.AfterEach = doubling(t, new([]string), new([]int))
		o.AfterEach.Note = "other"
		if _, _, err := Run(t.Context(), net(), src, o); err == nil {
			t.Errorf("%s: a checkpoint of other steps is accepted", name)
		}
	}
}
