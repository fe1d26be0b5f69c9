package lutra

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"lutra/internal/data"
	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

// meanNet is a network whose scores are the channel means of its input, with
// the given dimensions; perm, if not nil, is a Transpose in front of it. Its
// Reshape holds the batch size.
func meanNet(t *testing.T, batch int, dims []int, perm []int64) *Model {
	t.Helper()
	g := &graph.Graph{IRVersion: 8, Opsets: map[string]int64{"": 13}, Consts: map[string]*tensor.Tensor{
		"shape": tensor.Of([]int64{int64(batch), 3}, 2),
	}}
	value := func(name string, dims ...int) graph.Value {
		v := graph.Value{Name: name, DType: tensor.Float32}
		for _, d := range dims {
			v.Dims = append(v.Dims, graph.Dim{Size: d})
		}
		return v
	}
	g.Inputs = []graph.Value{value("x", append([]int{batch}, dims...)...)}
	g.Outputs = []graph.Value{value("y", batch, 3)}
	x := "x"
	if perm != nil {
		g.Nodes = append(g.Nodes, &graph.Node{Op: "Transpose", Inputs: []string{x}, Outputs: []string{"nchw"}, Attrs: []graph.Attr{{Name: "perm", Kind: graph.AttrInts, Ints: perm}}})
		x = "nchw"
	}
	g.Nodes = append(g.Nodes,
		&graph.Node{Op: "GlobalAveragePool", Inputs: []string{x}, Outputs: []string{"p"}},
		&graph.Node{Op: "Reshape", Inputs: []string{"p", "shape"}, Outputs: []string{"y"}})
	b, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode("net.onnx", b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// colours is a set of 2x2 images of which image i has the one colour (i, 10 i, 0).
func colours(t *testing.T, n int) *DataSet {
	t.Helper()
	set, err := data.NewSet("colours", n, nil, make([]int, n), func(i int) (*data.Image, error) {
		return &data.Image{W: 2, H: 2, Pix: slices.Repeat([]uint8{uint8(i), uint8(10 * i), 0}, 4)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestFixedBatch runs networks whose shapes allow one batch size only.
func TestFixedBatch(t *testing.T) {
	for _, test := range []struct {
		name  string
		batch int
		dims  []int
		perm  []int64
	}{
		{"one", 1, []int{3, 2, 2}, nil},
		{"four, the last batch is not full", 4, []int{3, 2, 2}, nil},
		{"channels last", 4, []int{2, 2, 3}, []int64{0, 3, 1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := meanNet(t, test.batch, test.dims, test.perm)
			seen := 0
			for _, batch := range []int{-1, 0, 1, 3} {
				err := m.Predictions(context.Background(), colours(t, 5), Preprocess{}, EvalOptions{Batch: batch}, func(i int, scores []float32) error {
					if want := []float32{float32(i), float32(10 * i), 0}; !slices.Equal(scores, want) {
						t.Errorf("image %d: %v, want %v", i, scores, want)
					}
					seen++
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if seen != 4*5 {
				t.Errorf("%d images", seen)
			}
		})
	}
}

// TestSamplesRefuse names what does not fit together.
func TestSamplesRefuse(t *testing.T) {
	rgb := meanNet(t, 1, []int{3, 2, 2}, nil)
	for want, run := range map[string]func() (*samples, error){
		"expected 1 channels": func() (*samples, error) { return rgb.samples(colours(t, 1), Preprocess{Order: "L"}) },
		"colours: #0: size: expected 9x8 pixels, found 2x2": func() (*samples, error) {
			s, err := meanNet(t, 1, []int{3, 8, 9}, nil).samples(colours(t, 1), Preprocess{})
			if err == nil {
				_, err = s.gather(t.Context(), 0, 1)
			}
			return s, err
		},
	} {
		if _, err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestRelErrorIsFinite also where the reference is zero, so that JSON can hold it.
func TestRelErrorIsFinite(t *testing.T) {
	for _, test := range []struct {
		got, want []float32
		e         float64
	}{
		{[]float32{3, 4}, []float32{3, 4}, 0},
		{[]float32{0, 0}, []float32{3, 4}, 1},
		{[]float32{0, 0}, []float32{0, 0}, 0},
		{[]float32{3, 8}, []float32{3, 4}, 0.8},
	} {
		if e := relError(test.got, test.want); e != test.e {
			t.Errorf("%v, %v: %v, want %v", test.got, test.want, e, test.e)
		}
	}
	if e := relError([]float32{math.MaxFloat32}, []float32{0}); math.IsInf(e, 0) || e < 1 {
		t.Errorf("relative to zero: %v", e)
	}
}
