package compress

import (
	"fmt"
	"math"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// normNet has normalisations behind its ReLUs, as EtinyNet has, one in front of
// a ReLU with scales of both signs, and a value that two nodes read.
func normNet() *graph.Graph {
	b := newBuilder(3, 12, 12)
	b.conv("first", 16, 3, 3, true).relu().norm("bn1", 16)
	b.conv("depthwise", 16, 1, 3, true, graph.IntAttr("group", 16))
	b.conv("pointwise", 32, 16, 1, false).relu().norm("bn2", 32)
	skip := b.at
	b.conv("mixed", 32, 32, 1, false).norm("bn3", 32).relu().norm("bn4", 32)
	b.conv("last", 32, 32, 1, false).relu().norm("bn5", 32)
	b.node("Add", "sum", []string{skip})
	b.node("GlobalAveragePool", "pool", nil).node("Flatten", "flat", nil)
	b.node("Gemm", "fc", []string{b.random("fc.weight", 20, 32), b.random("fc.bias", 20)}, graph.IntAttr("transB", 1))
	return b.done(20)
}

func countOf(g *graph.Graph, op string) int {
	n := 0
	for _, node := range g.Nodes {
		if node.Op == op {
			n++
		}
	}
	return n
}

// relativeTo is the largest difference of b from a over a's largest number.
func relativeTo(a, b []float32) float64 {
	var most, diff float64
	for i, v := range a {
		most = max(most, math.Abs(float64(v)))
		diff = max(diff, math.Abs(float64(v)-float64(b[i])))
	}
	return diff / most
}

// TestHalfVectors: the network computes the same, codes and codewords are the
// same, and the vectors are half as long, or gone.
func TestHalfVectors(t *testing.T) {
	src := randomSamples(3, 8, testInput)
	for _, opset := range []int64{8, 13} { // without ConstantOfShape, and with it
		t.Run(fmt.Sprint("opset", opset), func(t *testing.T) {
			g := normNet()
			g.Opsets[""] = opset
			o := Small()
			o.KeepNames = true
			plain, before := mustRun(t, g, src, o)
			o.HalfVectors = true
			out, after := mustRun(t, g, src, o)
			for i := range src {
				if e := relativeTo(eval(t, plain, src[i]), eval(t, out, src[i])); e > 2e-3 {
					t.Fatalf("sample %d: outputs differ by %g", i, e)
				}
			}
			// Behind pointwise and last the scale moves; bn3's has both signs, the
			// scale in front of it is another's, and depthwise has no ReLU behind it.
			if got, want := countOf(out, "BatchNormalization"), countOf(plain, "BatchNormalization")-2; got != want {
				t.Errorf("%d normalisations, want %d", got, want)
			}
			float := 0
			for name, c := range out.Consts {
				if c.DType == tensor.Float32 && name != "lutra.0.16" && name != "lutra.1.16" && name != "lutra.0.32" && name != "lutra.1.32" {
					float += c.Elems()
				}
			}
			if float != 0 {
				t.Errorf("%d numbers of single precision", float)
			}
			if fills := countOf(out, "ConstantOfShape"); (fills == 4) != (opset == 13) {
				t.Errorf("%d fills", fills)
			}
			if opset == 13 && after.OutBytes > before.OutBytes-2*3*16*4 {
				t.Errorf("%d bytes, %d before", after.OutBytes, before.OutBytes)
			}
			template, err := Template(g, o)
			if err != nil || constBytes(template) != after.OutBytes {
				t.Errorf("template has %d bytes, the result %d (%v)", constBytes(template), after.OutBytes, err)
			}
			books, _ := plain.Codebooks()
			for _, want := range books {
				if got, err := out.Codebook(want.Name); err != nil || !sameCodes(got, want) {
					t.Errorf("%s changed (%v)", want.Name, err)
				}
			}
		})
	}
}

func sameCodes(a, b *graph.Codebook) bool {
	for i, c := range a.Codes {
		if c != b.Codes[i] {
			return false
		}
	}
	return string(a.Words.Bytes()) == string(b.Words.Bytes())
}

// TestHalfVectorsKeepsWhatItCannotRender: numbers out of range stay in single precision.
func TestHalfVectorsKeepsWhatItCannotRender(t *testing.T) {
	for name, c := range map[string]struct {
		v    float32
		half bool
	}{"usual": {0.3, true}, "tiny": {1e-9, true}, "large": {1e6, false}, "not a number": {float32(math.NaN()), false}} {
		g := normNet()
		g.Consts["fc.bias"].Float32s()[3] = c.v
		halveVectors(g)
		if half := g.Consts["fc.bias"] == nil; half != c.half {
			t.Errorf("%s: in half precision: %v", name, half)
		}
	}
}
