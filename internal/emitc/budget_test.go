package emitc

import (
	"bytes"
	"debug/elf"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"lutra/internal/lut"
)

// form is what the tables of a network are.
type form struct {
	words, size int
	most        int // largest product of scalar tables
}

var forms = map[string]form{"256": {256, 2, 0}, "64": {64, 2, 0}, "scalar": {256, 1, 500}, "narrow": {256, 1, 127}}

// The shapes of MLPerf Tiny's networks, with random weights: what they cost
// does not depend on the weights.
var shapes = map[string]func(f form) *lut.Network{
	"KWS": func(f form) *lut.Network { return keywords(49, 10, f) },
	"IC": func(f form) *lut.Network {
		d := newDrawing(1, 3, 32, 32)
		d.shared, d.most = map[string]*lut.Table{}, f.most
		x := d.linear(0, 16, f.words, f.size, window(3, 1), 1, -1, false)
		y := d.linear(x, 16, f.words, f.size, window(3, 1), 1, -1, false)
		x = d.linear(y, 16, f.words, f.size, window(3, 1), 1, x, false)
		for _, c := range []int{32, 64} {
			y = d.linear(x, c, f.words, f.size, window(3, 2), 1, -1, false)
			x = d.linear(x, c, f.words, f.size, window(1, 2), 1, -1, false)
			x = d.linear(y, c, f.words, f.size, window(3, 1), 1, x, false)
		}
		x = d.pool(x, lut.Window{KH: 8, KW: 8, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
		return d.output(d.dense(x, 10, f.words, f.size, true))
	},
	"VWW": func(f form) *lut.Network {
		d := newDrawing(1, 3, 96, 96)
		d.shared, d.most = map[string]*lut.Table{}, f.most
		x := d.linear(0, 8, f.words, f.size, window(3, 2), 1, -1, false)
		for _, l := range []struct{ stride, c int }{{1, 16}, {2, 32}, {1, 32}, {2, 64}, {1, 64}, {2, 128}, {1, 128}, {1, 128}, {1, 128}, {1, 128}, {1, 128}, {2, 256}, {1, 256}} {
			x = d.linear(x, d.Tensors[x].C, 64, 1, window(3, l.stride), d.Tensors[x].C, -1, false)
			x = d.linear(x, l.c, f.words, f.size, window(1, 1), 1, -1, false)
		}
		x = d.pool(x, lut.Window{KH: 3, KW: 3, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
		return d.output(d.dense(x, 2, f.words, f.size, true))
	},
	"AD": func(f form) *lut.Network {
		d := newDrawing(1, 640, 1, 1)
		d.shared, d.most = map[string]*lut.Table{}, f.most
		x := 0
		for _, n := range []int{128, 128, 128, 128, 8, 128, 128, 128, 128, 640} {
			x = d.dense(x, n, f.words, f.size, false)
		}
		return d.output(x)
	},
}

// keywords is the DS-CNN of MLPerf Tiny on an input of that shape.
func keywords(h, w int, f form) *lut.Network {
	d := newDrawing(1, 1, h, w)
	d.shared, d.most = map[string]*lut.Table{}, f.most
	x := d.linear(0, 64, f.words, f.size, lut.Window{KH: 10, KW: 4, StrideY: 2, StrideX: 2, DilationY: 1, DilationX: 1, Top: 4, Bottom: 5, Left: 1, Right: 1}, 1, -1, false)
	for range 4 {
		x = d.linear(x, 64, 64, 1, window(3, 1), 64, -1, false)
		x = d.linear(x, 64, f.words, f.size, window(1, 1), 1, -1, false)
	}
	t := d.Tensors[x]
	x = d.pool(x, lut.Window{KH: t.H, KW: t.W, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, true)
	return d.output(d.dense(x, 12, f.words, f.size, true))
}

// budgets are millions of instructions for an inference at -O2, by form, on the
// cores M0, M3, M4 and RV32I.
var budgets = map[string]map[string][4]float64{
	"KWS": {"256": {9.059, 6.450, 6.447, 8.947}, "64": {7.875, 6.450, 6.447, 7.763}, "scalar": {14.502, 10.666, 10.662, 15.556}, "narrow": {12.131, 10.663, 10.659, 13.186}},
	"IC":  {"256": {34.490, 26.045, 25.998, 38.913}, "64": {28.231, 26.045, 25.998, 32.654}, "scalar": {62.877, 47.604, 47.578, 73.301}, "narrow": {50.357, 47.603, 47.576, 60.782}},
	"VWW": {"256": {28.082, 19.999, 19.983, 27.350}, "64": {24.726, 19.999, 19.984, 23.994}, "scalar": {43.554, 32.099, 32.084, 46.176}, "narrow": {36.841, 32.095, 32.080, 39.463}},
	"AD":  {"256": {0.656, 0.487, 0.487, 0.760}, "64": {0.524, 0.487, 0.487, 0.628}, "scalar": {1.264, 0.946, 0.946, 1.491}, "narrow": {0.999, 0.946, 0.946, 1.227}},
}

// network is one of the shapes, with inputs and what the engine in Go makes of
// them.
type network struct {
	name    string // of shape and form
	dir     string // the library
	lib     *Library
	net     *lut.Network
	samples int
	levels  []byte            // of all samples, channels last
	want    []byte            // outputs of all samples, little-endian
	data    map[string]string // object files of constants, by architecture
}

func newNetwork(t *testing.T, shape, form string, samples int) *network {
	t.Helper()
	n := &network{name: shape + " " + form, net: shapes[shape](forms[form]), samples: samples, data: map[string]string{}}
	n.dir, n.lib = emit(t, n.net, nil)
	s := n.net.NewSession()
	for _, levels := range inputs(n.net, 1, samples) {
		n.levels = append(n.levels, Interleave(n.net, levels)...)
		n.want = append(n.want, outputs(n.net, s, levels)...)
	}
	return n
}

// first is n with its first samples only.
func (n *network) first(samples int) *network {
	m := *n
	m.samples = samples
	m.levels = n.levels[:len(n.levels)/n.samples*samples]
	m.want = n.want[:len(n.want)/n.samples*samples]
	return &m
}

// program compiles n for a core, without any library. Constants, which are no
// code, are compiled once for an architecture.
func (n *network) program(t *testing.T, c *core) string {
	t.Helper()
	args := strings.Fields(c.compiler + " -std=gnu99 -O2 -ffreestanding -nostdlib -static -I. " + Flags)
	if n.data[args[0]] == "" {
		n.data[args[0]] = args[0] + ".o"
		run(t, n.dir, args[0], append(args[1:], "-c", "net_data.c", "-o", n.data[args[0]])...)
	}
	pipe, err := filepath.Abs("testdata/pipe.c")
	if err != nil {
		t.Fatal(err)
	}
	run(t, n.dir, args[0], append(args[1:], "-o", c.name, pipe, "net.c", n.data[args[0]])...)
	return filepath.Join(n.dir, c.name)
}

// run feeds all samples to a program, compares the outputs, and returns what
// it writes to standard error.
func (n *network) run(t *testing.T, command ...string) string {
	t.Helper()
	need(t, command[0])
	var got, log bytes.Buffer
	p := exec.Command(command[0], command[1:]...)
	p.Stdin, p.Stdout, p.Stderr = bytes.NewReader(n.levels), &got, &log
	if err := p.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, &log)
	}
	n.compare(t, got.Bytes())
	return log.String()
}

func (n *network) compare(t *testing.T, got []byte) {
	t.Helper()
	if len(got) != len(n.want) {
		t.Fatalf("%d bytes of outputs, want %d", len(got), len(n.want))
	}
	for i := range got {
		if got[i] != n.want[i] {
			t.Fatalf("sample %d: byte %d is %d, want %d", i*n.samples/len(got), i%(len(got)/n.samples), got[i], n.want[i])
		}
	}
}

// TestNetworks compares networks on emulated cores and in WebAssembly with the engine in Go and
// counts instructions: an increase above 3 % fails. With -full it compares
// networks of all tables, those of 256 pairs on a thousand inputs.
func TestNetworks(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "count.so")
	run(t, ".", "gcc", "-O2", "-shared", "-fPIC", "-o", plugin, "testdata/count.c")
	for shape := range shapes {
		for form, budget := range budgets[shape] {
			t.Run(shape+" "+form, func(t *testing.T) {
				t.Parallel()
				samples := 2
				if form != "256" && !*full {
					t.Skip("needs -full")
				} else if form == "256" && *full {
					samples = 1000
				}
				n := newNetwork(t, shape, form, samples)
				t.Run("wasm", n.wasm)
				for i, c := range cores {
					t.Run(c.name, func(t *testing.T) {
						program := n.program(t, &c)
						n.count(t, &c, plugin, program, budget[i])
						if samples > 2 {
							n.run(t, append(strings.Fields(c.emulator), program)...)
						}
					})
				}
			})
		}
	}
}

// count counts the instructions of two inferences, in millions.
func (n *network) count(t *testing.T, c *core, plugin, program string, budget float64) {
	t.Helper()
	two := n.first(2)
	count, err := strconv.Atoi(strings.TrimSpace(two.run(t, append(strings.Fields(c.emulator), "-plugin", plugin, program)...)))
	if err != nil {
		t.Fatal(err)
	}
	got := float64(count/two.samples) / 1e6
	t.Logf("%.3f M instructions, budget %.3f; constants %d, RAM %d bytes", got, budget, n.lib.Report.Flash, n.lib.Report.RAM)
	if got > 1.03*budget {
		t.Errorf("%.3f M instructions, budget %.3f", got, budget)
	}
}

// TestCodeSize: the runtime and the calls of its kernels take at most 2.5 KB
// of Thumb code for the KWS network, constants apart.
func TestCodeSize(t *testing.T) {
	const most = 2560
	n := shapes["KWS"](forms["256"])
	for _, c := range cores[:3] {
		t.Run(c.name, func(t *testing.T) {
			dir, _ := emit(t, n, nil)
			object := compile(t, dir, strings.Replace(c.compiler, "-Wl,-Ttext-segment=0x10000", "-O2", 1), "net")
			f, err := elf.NewFile(bytes.NewReader(object.Data))
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
