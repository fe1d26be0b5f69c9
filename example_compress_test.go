package lutra_test

import (
	"context"
	"fmt"

	"lutra"
)

// CompressOptions begin with a preset of the paper. Without images the weights
// themselves are approximated, which costs accuracy; with images leave Metric
// and Correction alone.
func ExampleCompressOptions() {
	m, p, _ := demo(0)
	o, err := lutra.CompressPreset("large")
	check(err)
	o.Metric, o.Correction = lutra.MetricNone, lutra.CorrectNone
	o.Codewords = lutra.WordsFloat16
	o.Iterations = 2
	small, _, err := m.Compress(context.Background(), nil, p, o)
	check(err)
	fmt.Println(small.FileBytes() < m.FileBytes()/10)
	// Output: true
}

// A CompressRule keeps layers dense, or gives them other blocks.
func ExampleCompressRule() {
	m, _, _ := demo(0)
	o, err := lutra.CompressPreset("small")
	check(err)
	o.Rules = []lutra.CompressRule{
		{Pattern: "0.*", Storage: lutra.StoreFloat32},
		{Pattern: "*", D: 3, K: 64},
	}
	r, err := m.CompressSizes(o)
	check(err)
	fmt.Println(r.Layers[0].Storage, r.Layers[1].Storage, r.Layers[1].D, r.Layers[1].K)
	// Output: float32 codebook 3 64
}

// CompressSizes tells what Compress would make, without images.
func ExampleCompressReport() {
	m, _, _ := demo(0)
	o, err := lutra.CompressPreset("small")
	check(err)
	r, err := m.CompressSizes(o)
	check(err)
	fmt.Printf("%d layers, %.1fx smaller\n", len(r.Layers), r.Ratio())
	// Output: 12 layers, 19.0x smaller
}

func ExampleCompressProgress() {
	m, p, _ := demo(0)
	o, err := lutra.CompressPreset("small")
	check(err)
	o.Metric, o.Correction, o.Iterations = lutra.MetricNone, lutra.CorrectNone, 1
	layers := map[string]bool{}
	o.Progress = func(at lutra.CompressProgress) { layers[at.Name] = true }
	_, r, err := m.Compress(context.Background(), nil, p, o)
	check(err)
	fmt.Println(len(layers) > 0, len(layers) <= len(r.Layers))
	// Output: true true
}

// few are options under which little is tried, for examples that are quick.
func few() lutra.CompressOptions {
	o, err := lutra.CompressPreset("small")
	check(err)
	o.Iterations = 1
	o.Rules = []lutra.CompressRule{{Pattern: "11.weight"}, {Pattern: "*", Storage: lutra.StoreFloat16}}
	return o
}

// Sensitivities measure what storing each layer alone in fewer bytes does to
// the scores.
func ExampleSensitivity() {
	m, p, images := demo(4)
	layers, err := m.Sensitivities(context.Background(), images, p, few())
	check(err)
	for _, l := range layers {
		if len(l.Candidates) > 1 {
			fmt.Println(l.Name, "first", l.Candidates[0].Storage)
		}
	}
	// Output:
}

// A CompressBudget becomes rules by what the layers suffer.
func ExampleCompressBudget() {
	m, p, images := demo(4)
	layers, err := m.Sensitivities(context.Background(), images, p, few())
	check(err)
	_, err = m.CompressWithin(layers, few(), lutra.CompressBudget{Size: 1000})
	fmt.Println(err != nil) // the dense layers alone take more
	// Output: true
}

// Calibrate stores the ranges of activations, which 8-bit arithmetic needs.
func ExampleCalibrateOptions() {
	m, p, images := demo(16)
	_, err := m.Calibrate(context.Background(), images, p, lutra.CalibrateOptions{Method: "mse"})
	check(err)
	fmt.Println(m.HasRanges())
	// Output: true
}

// With a CompressAfterEach the codewords of a layer learn from the float network
// before the next layer is compressed; it belongs into CompressOptions.AfterEach.
func ExampleCompressAfterEach() {
	m, p, images := demo(32)
	each, err := m.AfterEach(context.Background(), images, images, p, lutra.Tuning(), 4, func(weight string, before, after float64) {})
	check(err)
	o, err := lutra.CompressPreset("small")
	check(err)
	o.AfterEach = each
	fmt.Println(o.AfterEach.Note != nil)
	// Output: true
}
