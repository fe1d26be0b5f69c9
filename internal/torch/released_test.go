package torch

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/realdata"
	"lutra/internal/tensor"
)

// released lists the compressed files: what testdata/released.py prints, and
// the published sizes (1.54, 3.19 and 1.54 MiB).
var released = []struct {
	path, source, arch       string
	file                     string // sha256
	tensors, layers          int
	weights                  string // sha256
	subnormals, subnormalSum int
	bytes                    int
	logits                   []float64
	tolerance                float64 // relative; the first convolution of PQF is rounded to 16 bits
}{
	{"compressed/kill-the-bits/resnet18_small_blocks.pth", "kill-the-bits", "resnet18",
		"54e98666166baa8f5e6fd783b75fef3780e8c9069351ae146781b23f6a0f4729", 82, 20,
		"536bd9cc119b81dcc35e3613073dfd2fb9d3a2b5ff067c54b9239c3695a8a71d", 200, -7573, 154 << 20 / 100,
		[]float64{-9.956734863854315, -3.868090949254024, 1.8396675112049354}, 1e-5},
	{"compressed/kill-the-bits/resnet50_large_blocks.pth", "kill-the-bits", "resnet50",
		"e2b6b85665a24660035170927bc9e5ea4ca5ae2528c1cbc364af109ac712bce9", 214, 53,
		"b16f353277017d7a7332d42b1b514fbe9abb6159d98ea5d62a847ade8197c70a", 629, 3268, 319 << 20 / 100,
		[]float64{-2.4269132881493722, 3.4848321981181702, -0.9941906985113791}, 1e-5},
	{"compressed/pqf/resnet18.pth", "PQF", "resnet18",
		"6b9fc5f66a841ee372a47570a5040ac5616359d374a2fe30d78b6626b0a52fe4", 82, 20,
		"329b7270d8167b7e7f9b62ee4633096d74405c757b79fa78922dbbb658861e13", 17, 2924, 154 << 20 / 100,
		[]float64{-28.258353177195225, -14.252248524517807, -13.285093550710139}, 1e-4},
}

func TestReleased(t *testing.T) {
	for _, c := range released {
		t.Run(c.path, func(t *testing.T) {
			path := realdata.Path(t, c.path)
			obj, err := ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := countTensors(obj.Root); n != c.tensors || obj.Storages != c.tensors {
				t.Errorf("%d tensors in %d storages, want %d", n, obj.Storages, c.tensors)
			}
			g, err := Import(path, ImportOptions{Arch: c.arch})
			if err != nil {
				t.Fatal(err)
			}
			var p provenance
			if err := json.Unmarshal([]byte(g.Meta[metaProvenance]), &p); err != nil {
				t.Fatal(err)
			}
			if want := (provenance{c.source, c.arch, filepath.Base(path), c.file}); p != want {
				t.Errorf("provenance %+v, want %+v", p, want)
			}
			checkBooks(t, g, c.layers, c.weights, c.subnormals, c.subnormalSum)
			back := written(t, g, c.bytes)
			for i := 2; i < 4; i++ { // a smaller image takes a twelfth of the time
				back.Inputs[0].Dims[i].Size = 64
			}
			checkLogits(t, back, 64, c.logits, c.tolerance)
		})
	}
}

func countTensors(v Value) int {
	switch v := v.(type) {
	case *tensor.Tensor:
		return 1
	case *Dict:
		n := 0
		for _, k := range v.Keys() {
			x, _ := v.Get(k)
			n += countTensors(x)
		}
		return n
	}
	return 0
}

// checkBooks compares codebooks and decoded weights with torch's.
func checkBooks(t *testing.T, g *graph.Graph, layers int, weights string, subnormals, sum int) {
	t.Helper()
	books, err := g.Codebooks()
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(books, func(a, b *graph.Codebook) int { return strings.Compare(a.Name, b.Name) })
	digest, tiny, total := sha256.New(), 0, 0
	for _, c := range books {
		w := c.Decode().Float32s()
		b := make([]byte, 0, 4*len(w))
		for _, v := range w {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		digest.Write(b)
		wide := c.Words.AsFloat32().Float32s()
		for i, h := range tensor.Slice[uint16](c.Words) {
			if h&0x7c00 != 0 || h&0x3ff == 0 {
				continue
			}
			v := int(h & 0x3ff)
			if h&0x8000 != 0 {
				v = -v
			}
			if wide[i] != float32(v)/(1<<24) {
				t.Errorf("%s: subnormal %#04x became %g", c.Name, h, wide[i])
			}
			tiny, total = tiny+1, total+v
		}
	}
	if len(books) != layers || hex.EncodeToString(digest.Sum(nil)) != weights {
		t.Errorf("%d layers with decoded weights %x", len(books), digest.Sum(nil))
	}
	if tiny != subnormals || total != sum {
		t.Errorf("%d half subnormals with sum %d, want %d and %d", tiny, total, subnormals, sum)
	}
}

// written writes g as ONNX, within limit bytes, and reads it back.
func written(t *testing.T, g *graph.Graph, limit int) *graph.Graph {
	t.Helper()
	b, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > limit {
		t.Errorf("%d bytes of ONNX, published size %d", len(b), limit)
	}
	back, err := onnx.Decode("f.onnx", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// TestCheckpoint compares the CIFAR ResNet-20 checkpoint with the ONNX export
// of the same network, whose batch normalisations are folded into the weights.
func TestCheckpoint(t *testing.T) {
	g, err := Import(realdata.Path(t, "models/cifar10/resnet20-12fca82f.th"), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := onnx.ReadFile(realdata.Path(t, "models/cifar10/cifar10_resnet20.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var ours, theirs []*graph.Node
	for _, n := range g.Nodes {
		if n.Op == "BatchNormalization" {
			ours = append(ours, n)
		}
	}
	for _, n := range want.Nodes {
		if n.Op == "Conv" {
			theirs = append(theirs, n)
		}
	}
	if len(ours) != 19 || len(theirs) != 19 {
		t.Fatalf("%d and %d convolutions, want 19", len(ours), len(theirs))
	}
	for i, bn := range ours {
		conv := g.Producer(bn.Inputs[0])
		checkFolded(t, conv.Name, g, conv, bn, want.Consts[theirs[i].Inputs[1]], want.Consts[theirs[i].Inputs[2]])
	}
	for _, name := range []string{"linear.weight", "linear.bias"} {
		if !slices.Equal(g.Consts[name].Float32s(), want.Consts[name].Float32s()) {
			t.Errorf("%s differs", name)
		}
	}
}

func checkFolded(t *testing.T, name string, g *graph.Graph, conv, bn *graph.Node, weight, bias *tensor.Tensor) {
	t.Helper()
	var v [4][]float32 // scale, shift, mean, variance
	for i := range v {
		v[i] = g.Consts[bn.Inputs[i+1]].Float32s()
	}
	w := g.Consts[conv.Inputs[1]]
	row := w.Shape[1:].Elems()
	if !w.Shape.Equal(weight.Shape) {
		t.Fatalf("%s: shape %v, want %v", name, w.Shape, weight.Shape)
	}
	for o := range w.Shape[0] {
		scale := float64(v[0][o]) / math.Sqrt(float64(v[3][o])+1e-5)
		if b := float64(v[1][o]) - scale*float64(v[2][o]); math.Abs(b-float64(bias.Float32s()[o])) > 1e-5 {
			t.Errorf("%s: bias %d is %g, want %g", name, o, b, bias.Float32s()[o])
		}
		for i := o * row; i < (o+1)*row; i++ {
			if x := scale * float64(w.Float32s()[i]); math.Abs(x-float64(weight.Float32s()[i])) > 1e-5 {
				t.Fatalf("%s: weight %d is %g, want %g", name, i, x, weight.Float32s()[i])
			}
		}
	}
}
