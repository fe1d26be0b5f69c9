package emitc

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"lutra/internal/lut"
)

// The shapes of MLPerf Tiny's networks, with random weights in pairs of words
// codewords: what they cost does not depend on the weights.
var shapes = map[string]func(words int) *lut.Network{
	"KWS": func(words int) *lut.Network {
		d := newDrawing(1, 1, 49, 10)
		d.shared = map[string]*lut.Table{}
		x := d.linear(0, 64, words, 2, lut.Window{KH: 10, KW: 4, StrideY: 2, StrideX: 2, DilationY: 1, DilationX: 1, Top: 4, Bottom: 5, Left: 1, Right: 1}, 1, -1, false)
		for range 4 {
			x = d.linear(x, 64, 64, 1, window(3, 1), 64, -1, false)
			x = d.linear(x, 64, words, 2, window(1, 1), 1, -1, false)
		}
		t := d.Tensors[x]
		x = d.pool(x, lut.Window{KH: t.H, KW: t.W, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
		return d.output(d.dense(x, 12, words, 2, true))
	},
	"IC": func(words int) *lut.Network {
		d := newDrawing(1, 3, 32, 32)
		d.shared = map[string]*lut.Table{}
		x := d.linear(0, 16, words, 2, window(3, 1), 1, -1, false)
		y := d.linear(x, 16, words, 2, window(3, 1), 1, -1, false)
		x = d.linear(y, 16, words, 2, window(3, 1), 1, x, false)
		for _, c := range []int{32, 64} {
			y = d.linear(x, c, words, 2, window(3, 2), 1, -1, false)
			x = d.linear(x, c, words, 2, window(1, 2), 1, -1, false)
			x = d.linear(y, c, words, 2, window(3, 1), 1, x, false)
		}
		x = d.pool(x, lut.Window{KH: 8, KW: 8, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
		return d.output(d.dense(x, 10, words, 2, true))
	},
	"VWW": func(words int) *lut.Network {
		d := newDrawing(1, 3, 96, 96)
		d.shared = map[string]*lut.Table{}
		x := d.linear(0, 8, words, 2, window(3, 2), 1, -1, false)
		for _, l := range []struct{ stride, c int }{{1, 16}, {2, 32}, {1, 32}, {2, 64}, {1, 64}, {2, 128}, {1, 128}, {1, 128}, {1, 128}, {1, 128}, {1, 128}, {2, 256}, {1, 256}} {
			x = d.linear(x, d.Tensors[x].C, 64, 1, window(3, l.stride), d.Tensors[x].C, -1, false)
			x = d.linear(x, l.c, words, 2, window(1, 1), 1, -1, false)
		}
		x = d.pool(x, lut.Window{KH: 3, KW: 3, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
		return d.output(d.dense(x, 2, words, 2, true))
	},
	"AD": func(words int) *lut.Network {
		d := newDrawing(1, 640, 1, 1)
		d.shared = map[string]*lut.Table{}
		x := 0
		for _, n := range []int{128, 128, 128, 128, 8, 128, 128, 128, 128, 640} {
			x = d.dense(x, n, words, 2, false)
		}
		return d.output(x)
	},
}

// budgets are millions of instructions for an inference at -O2, with 256 and
// with 64 pairs, on the cores M0, M3, M4 and RV32I.
var budgets = map[string]map[int][4]float64{
	"KWS": {256: {12.151, 8.737, 8.760, 10.726}, 64: {11.721, 8.737, 8.759, 9.542}},
	"IC":  {256: {39.556, 30.826, 30.357, 42.081}, 64: {37.241, 30.826, 30.357, 35.822}},
	"VWW": {256: {36.234, 26.070, 26.109, 31.753}, 64: {35.031, 26.079, 26.118, 28.402}},
	"AD":  {256: {0.730, 0.543, 0.542, 0.808}, 64: {0.681, 0.543, 0.542, 0.676}},
}

// TestBudget counts instructions on emulated cores: an increase above 3 % fails.
func TestBudget(t *testing.T) {
	dir := t.TempDir()
	plugin := filepath.Join(dir, "count.so")
	run(t, ".", "gcc", "-O2", "-shared", "-fPIC", "-o", plugin, "testdata/count.c")
	for name, shape := range shapes {
		for words, budget := range budgets[name] {
			n := shape(words)
			lib, err := Emit(n, Options{Name: "net"})
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range cores {
				t.Run(fmt.Sprint(name, words, c.name), func(t *testing.T) {
					t.Parallel()
					got := float64(c.count(t, n, 2, plugin)-c.count(t, n, 1, plugin)) / 1e6
					want := budget[i]
					t.Logf("%s %d %s: %.3f M instructions, budget %.3f; constants %d, RAM %d bytes", name, words, c.name, got, want, lib.Report.Flash, lib.Report.RAM)
					if got > 1.03*want {
						t.Errorf("%.3f M instructions, budget %.3f", got, want)
					}
				})
			}
		}
	}
}

// count is the instructions of a self-test of some vectors.
func (c *core) count(t *testing.T, n *lut.Network, vectors int, plugin string) int {
	t.Helper()
	dir, program := c.link(t, n, inputs(n, 1, vectors))
	args := strings.Fields(c.emulator)
	args = append(args, "-plugin", plugin, program)
	out := strings.TrimSpace(string(run(t, dir, args[0], args[1:]...)))
	count, err := strconv.Atoi(out)
	if err != nil {
		t.Fatal(err)
	}
	return count
}
