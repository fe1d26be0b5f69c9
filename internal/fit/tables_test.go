package fit_test

import (
	"maps"
	"testing"

	"lutra/internal/fit"
	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/lut"
)

// values are the different weights of all codebooks of g.
func values(t *testing.T, g *graph.Graph) map[float32]bool {
	t.Helper()
	books, err := g.Codebooks()
	if err != nil || len(books) == 0 {
		t.Fatal(len(books), err)
	}
	all := map[float32]bool{}
	for _, b := range books {
		for _, v := range b.Decode().Float32s() {
			all[v] = true
		}
	}
	return all
}

// TestTables: networks of few levels and few weights learn, with and without
// batch normalisations; the result has no normalisation and few values.
func TestTables(t *testing.T) {
	for _, name := range []string{"mlp", "resnet8"} {
		for _, method := range []string{"kmeans", "laplacian"} {
			g, src, test, o := setup(t, name)
			h, err := levels.Convert(g, levels.Options{Levels: 16, Input: levels.Bounds{Low: -2, High: 2}, Bound: 6})
			if err != nil {
				t.Fatal(err)
			}
			o.Epochs, o.Optimiser, o.LearningRate = 8, "adam", 0.005
			o.Tables = &fit.Tables{Weights: levels.Weights{Values: 33, Method: method}, Every: 10}
			out, history := mustRun(t, h, src, test, o)
			last := history.Epochs[len(history.Epochs)-1]
			t.Logf("%s, %s: %+v", name, method, *last.TestTop1)
			if *last.TestTop1 < 0.85 {
				t.Errorf("%s, %s: test %.2f", name, method, *last.TestTop1)
			}
			if n := len(values(t, out)); n > 33 {
				t.Errorf("%s, %s: %d values", name, method, n)
			}
			for _, n := range out.Nodes {
				if n.Op == "BatchNormalization" {
					t.Errorf("%s is left", n.Label())
				}
			}
		}
	}
}

// TestPairTables: a network whose weights are pairs, and its biases too, learns; the
// result has no more pairs than allowed.
func TestPairTables(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	h, err := levels.Convert(g, levels.Options{Levels: 16, Input: levels.Bounds{Low: -2, High: 2}, Bound: 6})
	if err != nil {
		t.Fatal(err)
	}
	o.Epochs, o.Optimiser, o.LearningRate = 8, "adam", 0.005
	o.Tables = &fit.Tables{Weights: levels.Weights{Values: 20, Pairs: 40, Method: "kmeans", Biases: true}, Every: 5}
	out, history := mustRun(t, h, src, test, o)
	if last := history.Epochs[len(history.Epochs)-1]; *last.TestTop1 < 0.85 {
		t.Errorf("test %.2f", *last.TestTop1)
	}
	books, err := out.Codebooks()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range books {
		if b.D != 2 || b.K > 40 || b.Words.Elems() != 2*b.K {
			t.Errorf("%s: %d codewords of %d", b.Name, b.K, b.D)
		}
	}
	words := map[[2]float32]bool{}
	for _, n := range out.Nodes {
		if n.Domain != "" || !n.HasWeight() {
			continue
		}
		bias := out.Consts[n.Inputs[2]].Float32s()
		for i := 0; i < len(bias); i += 2 {
			words[[2]float32{bias[i], bias[i+1]}] = true
		}
	}
	for _, b := range books {
		w := b.Words.Float32s()
		for i := range b.K {
			delete(words, [2]float32{w[2*i], w[2*i+1]})
		}
	}
	if len(words) > 0 {
		t.Errorf("pairs of biases that are no codewords: %v", words)
	}
}

// TestClusterSchedule: weights are left alone until From, then take annealed
// and at last the wanted numbers of values; the result always has those.
func TestClusterSchedule(t *testing.T) {
	g, src, test, o := setup(t, "mlp")
	h, err := levels.Convert(g, levels.Options{Levels: 16, Input: levels.Bounds{Low: -2, High: 2}, Bound: 6})
	if err != nil {
		t.Fatal(err)
	}
	o.Epochs, o.Optimiser, o.LearningRate = 4, "adam", 0.005
	w := levels.Weights{Values: 12, Method: "kmeans"}
	run := func(tables fit.Tables) *graph.Graph {
		tables.Weights, tables.Every = w, 1
		o.Tables = &tables
		out, _ := mustRun(t, h, src, test, o)
		if n := len(values(t, out)); n > 12 {
			t.Errorf("%+v: %d values", tables, n)
		}
		return out
	}
	always, late, never, annealed := run(fit.Tables{}), run(fit.Tables{From: 2}), run(fit.Tables{From: 4}), run(fit.Tables{Anneal: true})
	o.Tables = nil
	free, _ := mustRun(t, h, src, test, o)
	if free, err = levels.Finish(t.Context(), free, w); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(values(t, never), values(t, free)) {
		t.Error("clustering from the end is not clustering at the end")
	}
	for i, a := range []*graph.Graph{always, late, never, annealed} {
		for _, b := range []*graph.Graph{always, late, never, annealed}[:i] {
			if maps.Equal(values(t, a), values(t, b)) {
				t.Error("two schedules, one result")
			}
		}
	}
}

// TestLearnedBounds: the bounds of rectifiers move, apart from each other, and
// are written; the network learns.
func TestLearnedBounds(t *testing.T) {
	for _, name := range []string{"mlp", "resnet8"} {
		g, src, test, o := setup(t, name)
		h, err := levels.Convert(g, levels.Options{Levels: 16, Input: levels.Bounds{Low: -2, High: 2}, Bound: 6})
		if err != nil {
			t.Fatal(err)
		}
		o.Epochs, o.Optimiser, o.LearningRate = 8, "adam", 0.005
		o.Tables = &fit.Tables{Weights: levels.Weights{Values: 33, Method: "kmeans"}, Every: 10, Bounds: true}
		out, history := mustRun(t, h, src, test, o)
		if last := history.Epochs[len(history.Epochs)-1]; *last.TestTop1 < 0.85 {
			t.Errorf("%s: test %.2f", name, *last.TestTop1)
		}
		bounds := map[float32]bool{}
		for _, n := range out.Nodes {
			if n.Op == "ReluD" {
				bounds[n.Float("bound", 0)] = true
			}
		}
		if bounds[6] && name == "mlp" || len(bounds) < 2 {
			t.Errorf("%s: bounds %v", name, bounds)
		}
		if _, err := lut.Build(out, lut.Options{}); err != nil {
			t.Error(err)
		}
	}
}

// TestTablesRefused: options that cannot be met.
func TestTablesRefused(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	for _, w := range []fit.Tables{
		{Weights: levels.Weights{Values: 1, Method: "kmeans"}},
		{Weights: levels.Weights{Values: 9, Method: "guess"}},
		{Weights: levels.Weights{Values: 9, Method: "kmeans"}, Every: -1},
		{Weights: levels.Weights{Values: 9, Method: "kmeans"}, From: 1e9},
		{Weights: levels.Weights{Values: 9, Method: "kmeans"}, From: -1},
		{Weights: levels.Weights{Values: 9, Pairs: 1, Method: "kmeans"}},
		{Weights: levels.Weights{Values: 9, Pairs: 9, Method: "laplacian"}},
	} {
		o.Tables = &w
		if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil {
			t.Errorf("%+v is accepted", w)
		}
	}
	o.Tables, o.EMA = &fit.Tables{Weights: levels.Weights{Values: 9, Method: "kmeans"}}, 0.9
	if _, _, err := fit.Run(t.Context(), g, src, test, o); err == nil {
		t.Error("averaged weights before normalisations are accepted")
	}
}
