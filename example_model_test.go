package lutra_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"lutra"
)

// demo is the network that the examples work with, its preprocessing, and n
// images for it: what Open, Model.Preprocess and OpenData yield for files.
func demo(n int) (*lutra.Model, lutra.Preprocess, *lutra.DataSet) {
	m, err := lutra.DemoModel(lutra.Options{Threads: 1})
	check(err)
	p, _, err := m.Preprocess()
	check(err)
	images, err := lutra.DemoData(2, max(n, 1))
	check(err)
	return m, p, images
}

// plain is the demo's network, compressed without images, which is quick: no
// example for good results.
var plain = sync.OnceValue(func() *lutra.Model {
	m, p, _ := demo(0)
	o, err := lutra.CompressPreset("small")
	check(err)
	o.Metric, o.Correction, o.Iterations = lutra.MetricNone, lutra.CorrectNone, 2
	small, _, err := m.Compress(context.Background(), nil, p, o)
	check(err)
	return small
})

// Options say how a model runs: here on one thread and without assembly, in
// bfloat16.
func ExampleOptions() {
	m, err := lutra.DemoModel(lutra.Options{Threads: 1, CPU: "generic", Mode: "bf16"})
	check(err)
	mode, err := m.Mode()
	check(err)
	fmt.Println(mode)
	// Output: bf16
}

// A Session belongs to one goroutine at a time; sessions of one model share its
// weights.
func ExampleSession() {
	m, _, _ := demo(0)
	s, err := m.NewSession()
	check(err)
	out, err := s.Run(context.Background(), m.SampleInputs(2, 1)) // two random images
	check(err)
	fmt.Println(out["logits"].Shape)
	// Output: 2x36
}

// A Tensor is a dense array; NewTensor takes the numbers and the shape.
func ExampleTensor() {
	x := lutra.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	fmt.Println(x.Shape, x.DType, x.Float32s()[5])
	// Output: 2x3 float32 6
}

func ExampleShape() {
	s := lutra.Shape{1, 3, 32, 32}
	fmt.Println(s, s.Elems())
	// Output: 1x3x32x32 3072
}

// A Value with a dimension of -1 takes any size there.
func ExampleValue() {
	m, _, _ := demo(0)
	for _, v := range m.Inputs() {
		fmt.Println(v.Name, v.DType, v.Shape)
	}
	// Output: image float32 -1x3x32x32
}

// A FormatError says what is wrong in a file, and where.
func ExampleFormatError() {
	_, err := lutra.Decode("broken.onnx", []byte("not a model"), lutra.Options{})
	var format *lutra.FormatError
	fmt.Println(errors.As(err, &format), format.File)
	// Output: true broken.onnx
}

// An OptionError is the caller's mistake, not the file's.
func ExampleOptionError() {
	err := lutra.CheckMode("int9")
	var option *lutra.OptionError
	fmt.Println(errors.As(err, &option), err)
	// Output: true mode "int9": expected one of fp32, bf16, int8, auto, lut, lut16
}

// A Plan is how a model runs: fused steps, kernels, buffers, predicted times.
func ExamplePlan() {
	m, err := lutra.DemoModel(lutra.Options{Threads: 1, CPU: "generic"})
	check(err)
	plan, err := m.Plan(1)
	check(err)
	step := plan.Steps[1]
	fmt.Println(step.Ops, "by", step.Kernel, step.Level, "for", step.MACs, "multiplications")
	// Output: Conv+BatchNormalization+Relu by conv 3x3 generic for 442368 multiplications
}

// Costs predict times. MeasureCosts measures those of this processor in about a
// minute; embedded ones serve without.
func ExampleCosts() {
	costs := lutra.Costs{"generic": {"conv": {Step: 123000}}} // nanoseconds to begin a convolution
	m, err := lutra.DemoModel(lutra.Options{Threads: 1, CPU: "generic", Costs: costs})
	check(err)
	plan, err := m.Plan(1)
	check(err)
	fmt.Println(plan.Steps[1].PredictedUS, "µs")
	// Output: 123 µs
}

// Inspection lists what a file stores, Layer by layer.
func ExampleInspection() {
	in, err := plain().Inspect(nil)
	check(err)
	fmt.Printf("%d parameters, %.1f bits per weight\n", in.Parameters, in.BitsPerWeight)
	// Output: 325780 parameters, 1.4 bits per weight
}

func ExampleLayer() {
	in, err := plain().Inspect(nil)
	check(err)
	for _, l := range in.Layers[:3] {
		fmt.Println(l.Name, l.Shape, l.Storage, l.D, l.K)
	}
	// Output:
	// 0.weight 16x3x3x3 float16 0 0
	// 3.conv1.weight 32x16x3x3 codebook 9 64
	// 3.conv2.weight 32x32x3x3 codebook 9 128
}

// A Codebook is the codewords of a weight, and how often each is used.
func ExampleCodebook() {
	c, err := plain().Codebook("11.weight")
	check(err)
	blocks := 0
	for _, n := range c.Counts {
		blocks += n
	}
	fmt.Println(c.K, "codewords of", c.D, "numbers for", blocks, "blocks")
	// Output: 256 codewords of 4 numbers for 1152 blocks
}

// Preprocess says how images become inputs. Compress stores it in the file, so
// that it need not be told again.
func ExamplePreprocess() {
	m, _, _ := demo(0)
	p, err := lutra.Preset("imagenet")
	check(err)
	check(m.Describe(p, []string{"cat", "dog"}))
	stored, ok, err := m.Preprocess()
	check(err)
	fmt.Println(ok, stored.Resize, stored.Crop, m.Labels())
	// Output: true 256 224 [cat dog]
}

// A DataSet is a list of images: of a folder, a table, an archive (OpenData).
func ExampleDataSet() {
	_, _, images := demo(100)
	some := images.Subset(10, 1)
	fmt.Println(some.Len(), some.Labelled(), strings.Join(some.Classes()[:3], " "))
	// Output: 10 true 0 1 2
}

// Evaluation is the score on labelled images.
func ExampleEvaluation() {
	m, p, images := demo(60)
	e, err := m.Evaluate(context.Background(), images, p, lutra.EvalOptions{})
	check(err)
	fmt.Println(e.N, e.Top1 > 0.9, e.Top5 >= e.Top1, len(e.Confusion))
	// Output: 60 true true 36
}

func ExampleEvalOptions() {
	m, p, images := demo(20)
	calls := 0
	o := lutra.EvalOptions{Batch: 5, Progress: func(done, total int) { calls++ }}
	_, err := m.Evaluate(context.Background(), images, p, o)
	check(err)
	fmt.Println(calls, "batches")
	// Output: 4 batches
}

// A Comparison needs no labels.
func ExampleComparison() {
	m, p, images := demo(40)
	c, err := lutra.Compare(context.Background(), m, plain(), images, p, p, lutra.EvalOptions{})
	check(err)
	fmt.Println(c.N, len(c.ABest), c.Agreement > 0.5, c.BBytes < c.ABytes)
	// Output: 40 40 true true
}
