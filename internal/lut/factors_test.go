package lut

import (
	"math"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// TestFactors: entries are the rounded products of the table's numbers, and, of
// weights in use, as near to the products themselves as docs/lut.md says.
func TestFactors(t *testing.T) {
	var worst float64
	for seed := range uint64(60) {
		n, g := randomNetwork(t, seed)
		if seed%2 == 0 {
			var err error
			if n, err = Build(g, Options{Narrow: true, Shared: seed%4 == 0}); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range n.Layers {
			if l, ok := l.(*Linear); ok {
				worst = max(worst, checkFactors(t, n, g, l))
			}
		}
	}
	t.Logf("at most %.3f beyond a half", worst)
}

// unitOf is the number that 1 in the sums of l stands for.
func unitOf(n *Network, l *Linear) float64 {
	out := &n.Tensors[l.Out]
	if out.Scores() {
		return out.Unit
	}
	r := coarse
	if l.Table.Exact() {
		r = fine
	}
	for binningOf(out.Quantiser, r.detail, r.bins).bins != l.Activation.Bins {
		r.detail /= 2
	}
	return math.Ldexp(binningOf(out.Quantiser, r.detail, r.bins).width, -int(l.Activation.Shift))
}

// checkFactors returns how much more than a half the worst entry of l is off.
func checkFactors(t *testing.T, n *Network, g *graph.Graph, l *Linear) (worst float64) {
	t.Helper()
	table, in := l.Table, spacingOf(n.Tensors[l.In].Quantiser)
	scale := in.step / unitOf(n, l)
	used := make([]bool, len(table.Weights))
	for k := range l.K {
		for o := range l.Outputs {
			used[l.column(k, o)] = true
		}
	}
	words := g.Consts[table.Codebook].Float32s()
	if table.Exact() {
		checkExact(t, l, used, words, in, scale)
		return 0
	}
	for a := range table.Levels {
		x := table.First + int16(a)*table.Step
		for i, w := range table.Weights {
			entry := table.Entries[a*len(table.Weights)+i]
			if entry != kernel.RoundedProduct(x, w) {
				t.Fatalf("%s: entry of level %d and weight %d is %d, want %d", l.Name, a, i, entry, kernel.RoundedProduct(x, w))
			}
			if !used[i] {
				continue
			}
			off := math.Abs(float64(entry)-(float64(a)+in.offset)*float64(words[i])*scale) - 0.5
			bound := math.Abs(float64(x)) / (1 << 16)
			if in.offset*2 != math.Floor(in.offset*2) {
				bound += math.Abs(float64(w)) / (1 << 16)
			}
			if off > bound+1e-9 {
				t.Fatalf("%s: entry of level %d and weight %d is off by a half and %v, want at most %v", l.Name, a, i, off, bound)
			}
			worst = max(worst, off)
		}
	}
	if pad := table.Entries[l.Pad*len(table.Weights):][:len(table.Weights)]; l.Pad >= 0 {
		for _, e := range pad {
			if e != 0 {
				t.Fatalf("%s: a product of padding is %d", l.Name, e)
			}
		}
	}
	return worst
}
