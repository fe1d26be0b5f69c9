package fit_test

import (
	"testing"

	"lutra/internal/fit"
	"lutra/internal/graph"
	"lutra/internal/levels"
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

// TestTablesRefused: options that cannot be met.
func TestTablesRefused(t *testing.T) {
	g, src, test, o := setup(t, "resnet8")
	for _, w := range []fit.Tables{
		{Weights: levels.Weights{Values: 1, Method: "kmeans"}},
		{Weights: levels.Weights{Values: 9, Method: "guess"}},
		{Weights: levels.Weights{Values: 9, Method: "kmeans"}, Every: -1},
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
