package lutra_test

import (
	"context"
	"fmt"

	"lutra"
)

// recipe is how the examples train: the network's own recipe, shortened.
func recipe(n lutra.Network) lutra.TrainOptions {
	o := lutra.TrainOptions{TrainRecipe: n.Recipe, Seed: 1}
	o.Epochs = 2
	return o
}

// network is a row of the table by its name.
func network(name string) lutra.Network {
	for _, n := range lutra.Networks() {
		if n.Name == name {
			return n
		}
	}
	panic(name)
}

// parabola trains the smallest network there is: it learns y = x*x.
func parabola(o lutra.TrainOptions) (*lutra.Model, *lutra.TrainReport) {
	training, test, err := lutra.Parabola(512, 1).Divide(0.25, 1)
	check(err)
	m, err := lutra.NewNetwork("parabola", lutra.NetworkOptions{Input: lutra.Shape{1}, Seed: 1}, lutra.Preprocess{}, lutra.Options{Threads: 1})
	check(err)
	trained, report, err := m.TrainVectors(context.Background(), training, test, o)
	check(err)
	return trained, report
}

// Networks are the standard small ones that NewNetwork builds.
func ExampleNetwork() {
	n := network("resnet20")
	fmt.Println(n.Input, n.Outputs, n.Recipe.Optimiser)
	// Output: 3x32x32 10 sgd
}

func ExampleNetworkOptions() {
	p, err := lutra.Preset("cifar")
	check(err)
	m, err := lutra.NewNetwork("resnet8", lutra.NetworkOptions{Outputs: 4, Width: 0.5, Activation: "relu6", Seed: 7}, p, lutra.Options{})
	check(err)
	fmt.Println(m.Inputs()[0].Shape, "->", m.Outputs()[0].Shape)
	// Output: -1x3x32x32 -> -1x4
}

// TrainOptions begin with a recipe: that of a network, FineTuning or Tuning.
func ExampleTrainOptions() {
	o := recipe(network("parabola"))
	o.Schedule = "constant"
	trained, report := parabola(o)
	fmt.Println(trained.Outputs()[0].Shape, report.Samples, report.Tested)
	// Output: -1x1 384 128
}

// A TrainRecipe is complete; change what should differ.
func ExampleTrainRecipe() {
	r := lutra.FineTuning()
	r.Epochs = 3
	fmt.Println(r.Optimiser, r.Epochs, r.Batch)
	// Output: adam 3 64
}

func ExampleTrainReport() {
	_, report := parabola(recipe(network("parabola")))
	fmt.Println(report.Parameters, report.Epoch, report.TestLoss != nil, report.TestTop1 == nil)
	// Output: 321 2 true true
}

func ExampleTrainProgress() {
	o, steps := recipe(network("parabola")), 0
	o.Progress = func(p lutra.TrainProgress) { steps = p.Steps }
	parabola(o)
	fmt.Println(steps, "steps")
	// Output: 24 steps
}

// A TrainHistory is the course of a training; Record hands it out after every
// epoch.
func ExampleTrainHistory() {
	o, epochs := recipe(network("parabola")), 0
	o.Record = func(h *lutra.TrainHistory) error { epochs = len(h.Epochs); return nil }
	_, report := parabola(o)
	fmt.Println(epochs, report.History.Epochs[1].Loss < report.History.Epochs[0].Loss)
	// Output: 2 true
}

// TrainTables make the result a network of lookup tables: mode lut runs it, and
// EmitC writes it as C.
func ExampleTrainTables() {
	o := recipe(network("parabola"))
	o.Tables = &lutra.TrainTables{Levels: 32, Weights: 100, Method: "kmeans"}
	trained, _ := parabola(o)
	in, err := trained.Inspect(nil)
	check(err)
	fmt.Println(in.Layers[0].Storage, in.Layers[0].K <= 100)
	// Output: codebook true
}

// TrainCodes let Tune change codes, too, and not codewords alone.
func ExampleTrainCodes() {
	o := lutra.Tuning()
	o.Codes = &lutra.TrainCodes{Every: 20, Rate: 10, Most: 0.002}
	fmt.Println(o.Temperature, o.Codes.Every)
	// Output: 1 20
}

// Vectors are samples that are no images: rows of a .npy file, or these.
func ExampleVectors() {
	v := lutra.Parabola(100, 1)
	fmt.Println(v.Features())
	// Output: 1
}

// tables is a network of lookup tables.
func tables() *lutra.Model {
	o := recipe(network("parabola"))
	o.Tables = &lutra.TrainTables{Levels: 32, Weights: 100, Method: "kmeans"}
	trained, _ := parabola(o)
	return trained
}

// LUTMemory is what the weights of a network of lookup tables take.
func ExampleLUTMemory() {
	in, err := tables().Inspect(nil)
	check(err)
	m := in.LUT
	fmt.Println(len(m.Layers), m.Total.Weights, m.Total.Packed <= m.Total.Stored)
	// Output: 3 288 true
}

// EmitOptions choose C or WebAssembly, and the prefix of all names.
func ExampleEmitOptions() {
	lib, err := tables().EmitC(lutra.EmitOptions{Name: "square", Target: "wasm"})
	check(err)
	fmt.Println(len(lib.Files["square.wasm"]) > 0, len(lib.Files["square.js"]) > 0)
	// Output: true true
}

// A CLibrary is files by name; write them where the build is.
func ExampleCLibrary() {
	lib, err := tables().EmitC(lutra.EmitOptions{Name: "square", Vectors: 3})
	check(err)
	fmt.Println(lib.Name, lib.Files["square.c"] != nil, lib.Files["square.h"] != nil)
	// Output: square true true
}

// A CReport says what the library needs before it is compiled.
func ExampleCReport() {
	lib, err := tables().EmitC(lutra.EmitOptions{Name: "square"})
	check(err)
	r := lib.Report
	fmt.Println(r.MACs, r.RAM < 1024, r.Flash > r.RAM)
	// Output: 288 true true
}
