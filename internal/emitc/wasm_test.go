package emitc

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"lutra/internal/lut"
)

// instance is a module in a WebAssembly runtime.
type instance struct {
	net *lut.Network
	api.Module
	exports func(name string) uint32
}

func instantiate(t *testing.T, n *lut.Network, module []byte) *instance {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	t.Cleanup(func() { runtime.Close(ctx) })
	m, err := runtime.Instantiate(ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	return &instance{n, m, func(name string) uint32 { return uint32(m.ExportedGlobal(name).Get()) }}
}

// run is the outputs of levels of all inputs, channels last, as the module
// writes them: bytes, and scores as 32-bit numbers, little-endian.
func (m *instance) run(t *testing.T, levels []byte) []byte {
	t.Helper()
	g := generator{net: m.net}
	g.plan()
	in, out := g.ports()
	for _, p := range in {
		m.Memory().Write(m.exports(p.Name), levels[:p.Count])
		levels = levels[p.Count:]
	}
	if _, err := m.ExportedFunction("run").Call(context.Background()); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, p := range out {
		size := p.Count
		if p.Scores {
			size *= 4
		}
		b, ok := m.Memory().Read(m.exports(p.Name), uint32(size))
		if !ok {
			t.Fatalf("output %s lies outside of the memory", p.Name)
		}
		all = append(all, b...)
	}
	return all
}

// outputs is what the engine in Go makes of levels, in the form of
// instance.run.
func outputs(n *lut.Network, s *lut.Session, levels []uint8) []byte {
	for _, in := range n.Inputs {
		levels = levels[copy(s.Levels(in.Tensor), levels):]
	}
	s.Run()
	var all []byte
	for _, o := range n.Outputs {
		t := &n.Tensors[o.Tensor]
		if !t.Scores() {
			all = append(all, channelsLast(t, s.Levels(o.Tensor))...)
			continue
		}
		for _, v := range channelsLast(t, s.Scores(o.Tensor)) {
			all = binary.LittleEndian.AppendUint32(all, uint32(v))
		}
	}
	return all
}

func emitWasm(t *testing.T, n *lut.Network, bytes ...Bytes) *Library {
	t.Helper()
	lib, err := EmitWasm(n, Options{Name: "net", Tool: "lutra test", Labels: []string{"a\"*/</script>", "b\n"}, Bytes: bytes})
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// TestWasm compares modules of random networks with the engine in Go.
func TestWasm(t *testing.T) {
	seeds := uint64(100)
	if *full {
		seeds = 500
	}
	for seed := range seeds {
		n := draw(seed)
		if seed < 6 {
			n = complete(seed, int(1+seed%2), [6]int{64, 64, 256, 256, 1000, 128}[seed])
		}
		compareWasm(t, n, seed)
	}
}

// compareWasm compares the module of n with the engine.
func compareWasm(t *testing.T, n *lut.Network, seed uint64) {
	t.Helper()
	m := instantiate(t, n, emitWasm(t, n).Files["net.wasm"])
	s := n.NewSession()
	for i, levels := range inputs(n, seed, 5) {
		if got, want := m.run(t, Interleave(n, levels)), outputs(n, s, levels); string(got) != string(want) {
			t.Fatalf("seed %d, input %d: %d, want %d", seed, i, got, want)
		}
	}
}

// FuzzWasm draws networks from other seeds.
func FuzzWasm(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) { compareWasm(t, draw(seed), seed) })
}

// moduleSizes are the most bytes that modules of the networks may have.
var moduleSizes = map[string]int{"KWS 256": 28_000, "KWS 64": 25_000}

// wasm compares the module of n.
func (n *network) wasm(t *testing.T) {
	module := emitWasm(t, n.net).Files["net.wasm"]
	t.Logf("%s: %d bytes", n.name, len(module))
	if most := moduleSizes[n.name]; most > 0 && len(module) > most {
		t.Errorf("%d bytes, want at most %d", len(module), most)
	}
	m := instantiate(t, n.net, module)
	var got []byte
	for i := range n.samples {
		size := len(n.levels) / n.samples
		got = append(got, m.run(t, n.levels[i*size:][:size])...)
	}
	n.compare(t, got)
}

// TestLoader runs the loader in JavaScript.
func TestLoader(t *testing.T) {
	need(t, "node")
	d := newDrawing(1, 2, 5, 4)
	x := d.linear(0, 4, 16, 2, window(3, 1), 1, -1, false)
	d.output(x)
	n := d.output(d.dense(x, 6, 16, 2, true))
	dir := t.TempDir()
	for name, b := range emitWasm(t, n, Bytes{3: 7}, Bytes{4: 9}).Files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	levels := inputs(n, 1, 1)[0]
	program := fmt.Sprintf(`import { inputs, labels, load } from "./net.js";
const net = await load();
const [levels, scores] = net(Uint8Array.from(%s));
console.log(inputs[0].bytes[0].indexOf(7), inputs[0].bytes[1].indexOf(9));
delete inputs[0].bytes;
console.log(JSON.stringify([inputs, labels, Buffer.concat([levels, new Uint8Array(scores.buffer)]).toString("hex")]));
`, strings.ReplaceAll(fmt.Sprint(Interleave(n, levels)), " ", ","))
	if err := os.WriteFile(filepath.Join(dir, "main.mjs"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	want := "3 4\n" + fmt.Sprintf(`[[{"name":"x","shape":[5,4,2],"levels":32,"low":0,"step":%v}],["a\"*/</script>","b\n"],"%x"]`+"\n",
		float64(n.Tensors[0].Quantiser.Value(1)), outputs(n, n.NewSession(), levels))
	if got := string(run(t, dir, "node", "main.mjs")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
