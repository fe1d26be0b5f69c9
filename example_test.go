package lutra_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"lutra"
)

// check ends an example that fails.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A model is read once; every goroutine makes its own session. DemoModel
// stands for lutra.Open("net.onnx", lutra.Options{}).
func Example() {
	m, err := lutra.DemoModel(lutra.Options{})
	check(err)
	s, err := m.NewSession()
	check(err)

	x := lutra.NewTensor(make([]float32, 3*32*32), 1, 3, 32, 32)
	y, err := s.Predict(context.Background(), x)
	check(err)
	fmt.Println(m.Inputs()[0].Name, x.Shape, "->", m.Outputs()[0].Name, y.Shape)
	// Output: image 1x3x32x32 -> logits 1x36
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "lutra")
	check(err)
	defer os.RemoveAll(dir)
	demo, err := lutra.DemoModel(lutra.Options{})
	check(err)
	path := filepath.Join(dir, "glyph.onnx")
	check(demo.Save(path))

	m, err := lutra.Open(path, lutra.Options{Threads: 1})
	check(err)
	fmt.Println(m.Inputs()[0].DType, m.Inputs()[0].Shape, "and", len(m.Labels()), "labels")
	_, err = lutra.Open("glyph.txt", lutra.Options{})
	fmt.Println(err)
	// Output:
	// float32 -1x3x32x32 and 36 labels
	// stat glyph.txt: no such file or directory
}

func ExampleModel_Compress() {
	m, err := lutra.DemoModel(lutra.Options{})
	check(err)
	images, err := lutra.DemoData(2, 8) // no labels are used; more images, better results
	check(err)
	p, _, err := m.Preprocess()
	check(err)
	o, err := lutra.CompressPreset("small")
	check(err)

	small, report, err := m.Compress(context.Background(), images, p, o) // small.Save("small.onnx") writes it
	check(err)
	fmt.Printf("%.0fx smaller, %.1f bits per weight\n", float64(m.FileBytes())/float64(small.FileBytes()), report.BitsPerWeight())
	// Output: 18x smaller, 1.4 bits per weight
}

func ExampleModel_Evaluate() {
	m, err := lutra.DemoModel(lutra.Options{})
	check(err)
	p, _, err := m.Preprocess()
	check(err)
	images, err := lutra.DemoData(3, 100)
	check(err)

	e, err := m.Evaluate(context.Background(), images, p, lutra.EvalOptions{Batch: 16})
	check(err)
	fmt.Printf("%d images, more than nine in ten right: %v\n", e.N, e.Top1 > 0.9)
	// Output: 100 images, more than nine in ten right: true
}

func ExampleModel_Inspect() {
	m, err := lutra.DemoModel(lutra.Options{})
	check(err)
	in, err := m.Inspect(nil)
	check(err)
	first := in.Layers[0]
	fmt.Println(len(in.Layers), "weights; the first:", first.Name, first.Op, first.Shape, first.Storage)
	// Output: 12 weights; the first: 0.weight Conv 16x3x3x3 float32
}

func ExampleCompare() {
	a, err := lutra.DemoModel(lutra.Options{})
	check(err)
	b, err := lutra.DemoModel(lutra.Options{CPU: "generic"}) // the same network on other kernels
	check(err)
	images, err := lutra.DemoData(3, 10)
	check(err)
	p, _, err := a.Preprocess()
	check(err)

	c, err := lutra.Compare(context.Background(), a, b, images, p, p, lutra.EvalOptions{})
	check(err)
	fmt.Println(c.Agreement, c.MaxRelError < 1e-4)
	// Output: 1 true
}
