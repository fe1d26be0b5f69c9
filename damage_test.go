package lutra

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/metrics"
	"testing"
	"time"

	"lutra/internal/compress"
	"lutra/internal/data"
	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// tinyNet is a network of a few layers, small enough to damage every bit of it:
// Conv, Relu, depthwise Conv, GlobalAveragePool, Flatten, Gemm on 3x6x6 pixels.
func tinyNet(t *testing.T) *Model {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	weight := func(dims ...int) *tensor.Tensor {
		w := tensor.New(tensor.Float32, dims...)
		for i := range w.Float32s() {
			w.Float32s()[i] = float32(rng.NormFloat64())
		}
		return w
	}
	pads := graph.Attr{Name: "pads", Kind: graph.AttrInts, Ints: []int64{1, 1, 1, 1}}
	g := &graph.Graph{
		IRVersion: 8, Opsets: map[string]int64{"": 13},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: 3}, {Size: 6}, {Size: 6}}}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.Float32, Dims: []graph.Dim{{Size: -1, Param: "N"}, {Size: 4}}}},
		Consts:  map[string]*tensor.Tensor{"w": weight(4, 3, 3, 3), "dw": weight(4, 1, 3, 3), "fc": weight(4, 4), "b": weight(4)},
		Nodes: []*graph.Node{
			{Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"}, Attrs: []graph.Attr{pads}},
			{Op: "Relu", Inputs: []string{"c"}, Outputs: []string{"r"}},
			{Op: "Conv", Inputs: []string{"r", "dw"}, Outputs: []string{"d"}, Attrs: []graph.Attr{pads, {Name: "group", Kind: graph.AttrInt, Int: 4}}},
			{Op: "GlobalAveragePool", Inputs: []string{"d"}, Outputs: []string{"p"}},
			{Op: "Flatten", Inputs: []string{"p"}, Outputs: []string{"f"}},
			{Op: "Gemm", Inputs: []string{"f", "fc", "b"}, Outputs: []string{"y"}},
		},
	}
	b, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode("tiny.onnx", b, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tinyCodebook is tinyNet compressed without data.
func tinyCodebook(t *testing.T) []byte {
	t.Helper()
	o, err := CompressPreset("small")
	if err != nil {
		t.Fatal(err)
	}
	o.First = compress.Quantised
	for i := range o.Specs {
		o.Specs[i].K = 4
	}
	m, _, err := tinyNet(t).Compress(context.Background(), mustSet(t, 4), Preprocess{}, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustSet(t *testing.T, n int) *DataSet {
	t.Helper()
	set, err := data.NewSet("noise", n, nil, make([]int, n), func(i int) (*data.Image, error) {
		m := data.NewImage(6, 6)
		for j := range m.Pix {
			m.Pix[j] = uint8(37*i + 101*j)
		}
		return m, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// useModel does what a command would do with a model before it computes.
func useModel(m *Model, err error) error {
	if err != nil {
		return err
	}
	if _, err := m.Inspect(m); err != nil {
		return err
	}
	if _, _, err := m.Preprocess(); err != nil {
		return err
	}
	m.Labels()
	if _, err := m.Plan(1); err != nil {
		return err
	}
	o, err := CompressPreset("small")
	if err != nil {
		return err
	}
	_, err = m.CompressSizes(o)
	return err
}

// useData reads a data set, its labels and its images.
func useData(path string) error {
	set, err := OpenData(path, "", "")
	if err != nil {
		return err
	}
	for i := range min(set.Len(), 3) {
		if _, err := set.Image(i); err != nil {
			return err
		}
	}
	return nil
}

// kind is an accepted kind of file: an undamaged one, and its use. Files are
// named so that damage meets the parser, not the choice among parsers.
type kind struct {
	name  string
	bytes []byte
	use   func(path string, b []byte) error
}

func kinds(t *testing.T) []kind {
	t.Helper()
	read := func(path string) []byte {
		b, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	encoded := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	noise := tensor.Of(make([]float32, 60), 3, 4, 5)
	var npy bytes.Buffer
	if err := data.EncodeNPY(&npy, noise); err != nil {
		t.Fatal(err)
	}
	png := read("internal/data/testdata/grey.png")
	open := onFile(useModelFile)
	return []kind{
		{"float.onnx", encoded(tinyNet(t).Encode()), useBytes},
		{"codebook.onnx", tinyCodebook(t), useBytes},
		{"external.onnx", read("internal/onnx/testdata/external.onnx"), open},
		{"legacy.pth", read("internal/torch/testdata/small.legacy.pth"), open},
		{"zip.pth", read("internal/torch/testdata/small.zip.pth"), open},
		{"a.png", png, onFile(useData)},
		{"a.jpg", read("internal/data/testdata/420_33x17.jpg"), onFile(useData)},
		{"labels.csv", []byte("file,class_index\na.png,1\nb.png,2\n\"c d.png\",3\n"), onFile(useData)},
		{"a-idx3-ubyte", idx(2, 4, 5), onFile(useData)},
		{"a-idx3-ubyte.gz", gz(t, idx(2, 4, 5)), onFile(useData)},
		{"cifar.tar.gz", tarGz(t, map[string][]byte{"test/cat/1.png": png, "test/dog/2.png": png}), onFile(useData)},
		{"names.txt", []byte("n01440764 tench\nn01443537 goldfish\n"), onFile(func(path string) error {
			_, err := ReadLabels(path)
			return err
		})},
		{"a.npy", npy.Bytes(), func(path string, b []byte) error {
			_, err := data.DecodeNPY(path, b)
			return err
		}},
		{"a.pb", encoded(onnx.EncodeTensor("t", noise)), useTensor},
	}
}

// idx is an IDX file of n images of h x w pixels.
func idx(n, h, w int) []byte {
	b := []byte{0, 0, 8, 3}
	for _, d := range []int{n, h, w} {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, make([]byte, n*h*w)...)
}

func gz(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarGz(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, b := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(b)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		w.Write(b)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return gz(t, out.Bytes())
}

// TestDamagedFiles uses damaged files of every accepted kind the way the
// commands do: prefixes and flips of single bits. None may panic, hang, take
// more than a tenth of a second or more memory than 4 times the file and 64
// MiB; some must be refused.
func TestDamagedFiles(t *testing.T) {
	dir := malformedFolder(t)
	b, err := os.ReadFile(filepath.FromSlash("internal/onnx/testdata/external.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "external.bin"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	all := append(kinds(t), corpusKinds(t)...)
	trials := 0
	for _, k := range all {
		t.Run(k.name, func(t *testing.T) { trials += k.damage(t, filepath.Join(dir, k.name)) })
	}
	t.Logf("%d files, %d damaged", len(all), trials)
}

// corpusKinds are the sound files of the corpus of malformed ones.
func corpusKinds(t *testing.T) []kind {
	var all []kind
	for _, b := range corpus(t) {
		r := readers[b.kind](t)
		sound, err := r.compile(b.text)
		if err != nil {
			t.Fatal(err)
		}
		if len(sound) < 10_000 { // the other one is a PyTorch file, of which there are small ones
			all = append(all, kind{name: b.file, bytes: sound, use: r.use})
		}
	}
	return all
}

// damage uses the prefixes of a file and its copies with one bit changed, or a
// sample of them; it returns how many.
func (k kind) damage(t *testing.T, path string) (trials int) {
	step := 1 + len(k.bytes)/40
	if *full {
		step = 1
	}
	refused := 0
	try := func(what string, at int, b []byte) {
		trials++
		if k.bounded(t, path, fmt.Sprintf("%s %d", what, at), b) != nil {
			refused++
		}
	}
	for n := 0; n < len(k.bytes); n += step {
		try("prefix", n, k.bytes[:n:n])
	}
	if refused == 0 {
		t.Error("every prefix is accepted")
	}
	if step > 1 { // an odd step meets every bit of a byte
		step = 8*step + 1
	}
	b := bytes.Clone(k.bytes)
	for bit := 0; bit < 8*len(b); bit += step {
		b[bit/8] ^= 1 << (bit % 8)
		try("bit", bit, b)
		b[bit/8] ^= 1 << (bit % 8)
	}
	return trials
}

// mostTime is what the use of a small file may take.
const mostTime = 100 * time.Millisecond

// bounded uses b and reports hangs and waste of memory and time.
func (k kind) bounded(t *testing.T, path, what string, b []byte) error {
	t.Helper()
	allocated := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	hang := time.AfterFunc(time.Minute, func() { panic(k.name + ", " + what + ": hangs") })
	defer hang.Stop()
	before, begun := allocated(), time.Now()
	err := k.use(path, b)
	if n := allocated() - before; n > uint64(4*len(b)+64<<20) {
		t.Errorf("%s: %d MiB allocated for %d bytes (%v)", what, n>>20, len(b), err)
	}
	took := time.Since(begun)
	for range 10 { // others may have had the processor
		if took <= mostTime || len(b) > 1<<20 || raceEnabled {
			return err
		}
		begun = time.Now()
		k.use(path, b)
		took = min(took, time.Since(begun))
	}
	t.Errorf("%s: %v for %d bytes (%v)", what, took, len(b), err)
	return err
}
