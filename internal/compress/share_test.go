package compress

import (
	"bytes"
	"testing"

	"lutra/internal/graph"
)

// shareNet has three convolutions with blocks of 9, two depthwise ones and a
// matrix, which has nothing behind it that could take its scale.
func shareNet() *graph.Graph {
	b := newBuilder(3, 12, 12)
	b.conv("first", 8, 3, 3, true).relu()
	b.conv("a", 16, 8, 3, false).norm("bn", 16).relu()
	b.conv("dw1", 16, 1, 3, true, graph.IntAttr("group", 16)).relu()
	b.conv("b", 16, 16, 3, true).relu()
	b.conv("dw2", 16, 1, 3, true, graph.IntAttr("group", 16)).relu()
	b.conv("c", 24, 16, 3, true).relu()
	b.node("GlobalAveragePool", "pool", nil).node("Flatten", "flat", nil)
	b.node("Gemm", "fc", []string{b.random("fc.weight", 24, 32), b.random("fc.bias", 32)})
	return b.done(32)
}

func TestShare(t *testing.T) {
	src := randomSamples(1, 10, testInput)
	o := Small()
	o.Specs[Depthwise] = Spec{3, 16}
	own, _ := mustRun(t, shareNet(), src, o)
	o.Share = true
	out, r := mustRun(t, shareNet(), src, o)
	readers := map[string][]string{} // of codewords
	for _, n := range out.Nodes {
		if n.IsCodebook() {
			readers[n.Inputs[1]] = append(readers[n.Inputs[1]], n.Outputs[0])
		}
	}
	if len(readers) != 3 {
		t.Fatalf("readers of codewords: %v, expected 3 groups", readers)
	}
	for _, names := range readers {
		if want := map[string]int{"a.weight": 3, "b.weight": 3, "c.weight": 3, "dw1.weight": 2, "dw2.weight": 2, "fc.weight": 1}[names[0]]; len(names) != want {
			t.Errorf("%v share codewords, expected %d", names, want)
		}
	}
	if k := rowOf(t, r, "a.weight").K; k <= rowOf(t, r, "fc.weight").K {
		t.Errorf("%d codewords for all: no more than a layer has of its own", k)
	}
	if constBytes(out) >= constBytes(own)+3*9*2*128 {
		t.Errorf("%d bytes, %d without sharing", constBytes(out), constBytes(own))
	}
	sum := 0
	for _, l := range r.Layers {
		sum += l.OutBytes
	}
	if books := sumOf(out); sum != books+2*8*27 {
		t.Errorf("layers report %d bytes, codebooks and the first layer have %d", sum, books+2*8*27)
	}
	o.Threads = 3
	again, _ := mustRun(t, shareNet(), src, o)
	for name, v := range out.Consts {
		if !bytes.Equal(v.Bytes(), again.Consts[name].Bytes()) {
			t.Errorf("%s depends on the number of threads", name)
		}
	}
	if s, err := Sizes(shareNet(), o); err != nil || s.OutBytes != r.OutBytes {
		t.Errorf("expected size %d, error %v, got %d", s.OutBytes, err, r.OutBytes)
	}
}

// sumOf is the bytes of codes and codewords, each counted once.
func sumOf(g *graph.Graph) int {
	sum, seen := 0, map[string]bool{}
	for _, n := range g.Nodes {
		if !n.IsCodebook() {
			continue
		}
		for _, in := range n.Inputs {
			if !seen[in] {
				seen[in] = true
				sum += len(g.Consts[in].Bytes())
			}
		}
	}
	return sum
}

// TestShareFitsBetter: for the same bytes of codewords one codebook for three
// layers leaves less error than one each.
func TestShareFitsBetter(t *testing.T) {
	src := randomSamples(2, 10, testInput)
	o := Small()
	o.Metric, o.Correction = MetricNone, CorrectNone
	o.NoClamp = true
	o.Specs[Conv].K = 16
	_, own := mustRun(t, shareNet(), src, o)
	o.Share, o.Specs[Conv].K = true, 48
	_, shared := mustRun(t, shareNet(), src, o)
	for _, name := range []string{"a.weight", "b.weight", "c.weight"} {
		if a, b := rowOf(t, own, name).WeightError, rowOf(t, shared, name).WeightError; b >= a {
			t.Errorf("%s: error %.3f with 16 codewords of its own, %.3f with 48 for three", name, a, b)
		}
	}
}
