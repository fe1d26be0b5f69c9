package emitc

import (
	"bytes"
	"debug/elf"
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
	"KWS": {256: {9.742, 6.707, 6.693, 9.084}, 64: {9.308, 6.707, 6.692, 7.899}},
	"IC":  {256: {40.503, 28.586, 28.178, 40.555}, 64: {38.178, 28.586, 28.178, 34.300}},
	"VWW": {256: {30.930, 21.221, 21.179, 28.036}, 64: {29.710, 21.229, 21.187, 24.691}},
	"AD":  {256: {0.719, 0.513, 0.512, 0.781}, 64: {0.670, 0.513, 0.512, 0.649}},
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

// TestCodeSize: the runtime and the calls of its kernels take at most 2.5 KB
// of Thumb code for the KWS network, constants apart.
func TestCodeSize(t *testing.T) {
	const most = 2560
	n := shapes["KWS"](256)
	for _, c := range cores[:3] {
		t.Run(c.name, func(t *testing.T) {
			objects := compile(t, n, strings.Replace(c.compiler, "-Wl,-Ttext-segment=0x10000", "-O2", 1))
			f, err := elf.NewFile(bytes.NewReader(objects["net.o"]))
			if err != nil {
				t.Fatal(err)
			}
			got := uint64(0)
			for _, s := range f.Sections {
				if s.Flags&elf.SHF_EXECINSTR != 0 {
					got += s.Size
				}
			}
			t.Logf("%d bytes of code", got)
			if got == 0 || got > most {
				t.Errorf("%d bytes of code, want at most %d", got, most)
			}
		})
	}
}
