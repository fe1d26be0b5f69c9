package fit_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"lutra/internal/data"
	"lutra/internal/fit"
	"lutra/internal/graph"
)

// firstBook is the weight of the first codebook that g reads.
func firstBook(t *testing.T, g *graph.Graph) string {
	t.Helper()
	for _, n := range g.Nodes {
		if n.Op == "Conv" && g.Producer(n.Inputs[1]) != nil {
			return n.Inputs[1]
		}
	}
	t.Fatal("no codebook")
	return ""
}

// TestLayer: distilling one layer brings the network nearer to its teacher by
// other codewords for the same codes, for any number of threads, and leaves the
// network given alone.
func TestLayer(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	before := encode(t, g)
	weight := firstBook(t, g)
	old, err := g.Codebook(weight)
	if err != nil {
		t.Fatal(err)
	}
	c, h, err := fit.Layer(t.Context(), g, weight, 0, 30, src, test, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("held-out loss %.4f -> %.4f", *h.Start.TestLoss, *h.Kept().TestLoss)
	if *h.Kept().TestLoss > 0.95**h.Start.TestLoss {
		t.Errorf("held-out loss %.4f after %.4f", *h.Kept().TestLoss, *h.Start.TestLoss)
	}
	if h.Epochs[0].Step != 30 {
		t.Errorf("%d steps, want 30", h.Epochs[0].Step)
	}
	if !slices.Equal(c.Codes, old.Codes) || slices.Equal(c.FloatWords(), old.FloatWords()) {
		t.Error("expected other codewords and the same codes")
	}
	if !bytes.Equal(encode(t, g), before) {
		t.Error("the network given has changed")
	}
	o.Threads = 3
	again, _, err := fit.Layer(t.Context(), g, weight, 0, 30, src, test, o)
	if err != nil || !slices.Equal(again.FloatWords(), c.FloatWords()) {
		t.Errorf("three threads give other codewords (error %v)", err)
	}
	next, _, err := fit.Layer(t.Context(), g, weight, 1, 30, src, test, o)
	if err != nil || slices.Equal(next.FloatWords(), c.FloatWords()) {
		t.Errorf("the next layer sees the same batches (error %v)", err)
	}
}

// TestLayerKeepsTheBetter: codewords that get worse by their training are not
// handed out.
func TestLayerKeepsTheBetter(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	o.LearningRate = 30
	weight := firstBook(t, g)
	old, err := g.Codebook(weight)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := fit.Layer(t.Context(), g, weight, 0, 3, src, test, o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.FloatWords(), old.FloatWords()) {
		t.Error("worse codewords were kept")
	}
}

// counted notes which batches are asked for.
type counted struct {
	fit.Source
	seen *[]int
}

func (c counted) Epoch(ctx context.Context, epoch, first int, visit func(number int, batch *data.Batch) error) error {
	return c.Source.Epoch(ctx, epoch, first, func(n int, b *data.Batch) error {
		*c.seen = append(*c.seen, epoch*c.PerEpoch()+n)
		return visit(n, b)
	})
}

// TestLayerBatches: a layer goes on behind the batches of the one before, over
// the end of an epoch.
func TestLayerBatches(t *testing.T) {
	g, src, test, o := tuneSetup(t)
	var seen []int
	per := src.PerEpoch()
	steps := per - 1
	if _, _, err := fit.Layer(t.Context(), g, firstBook(t, g), 1, steps, counted{src, &seen}, test, o); err != nil {
		t.Fatal(err)
	}
	var want []int
	for i := range steps {
		want = append(want, steps+i)
	}
	if len(seen) > steps && seen[steps] == 2*steps { // handed over, and left alone
		seen = seen[:steps]
	}
	if !slices.Equal(seen, want) {
		t.Errorf("batches %v, want %v", seen, want)
	}
}
