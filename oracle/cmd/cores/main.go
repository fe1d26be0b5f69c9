// Command cores runs trained networks of lookup tables on emulated cores: it
// emits their C, feeds it real samples, demands the numbers of the engine in
// Go, and prints accuracy, instructions, flash and RAM.
//
//	cd oracle && go run ./cmd/cores -data DATA [-limit N] [-cores M0,M3,M4,RV32I] MODEL.onnx
//	cd oracle && go run ./cmd/cores -vectors X.npy -labels LABELS.csv [...] MODEL.onnx
//
// DATA is what lutra eval reads, seen through the preprocessing that the model
// carries. Rows of X.npy are what an auto-encoder reconstructs; LABELS says of
// each, a line, whether it is an anomaly (1), and the area under the ROC curve
// of the squared errors is printed. It needs Debian's gcc,
// gcc-arm-none-eabi, gcc-riscv64-unknown-elf and qemu-user.
package main

import (
	"flag"
	"fmt"
	"log"
	"math"
	"slices"
	"strings"

	"lutra"
	"lutra/internal/emitc"
	"lutra/internal/kernel"
	"lutra/internal/lut"
	"lutra/internal/onnx"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("cores: ")
	var o options
	flag.StringVar(&o.data, "data", "", "labelled data set")
	flag.StringVar(&o.vectors, "vectors", "", "rows for an auto-encoder, .npy")
	flag.StringVar(&o.labels, "labels", "", "which rows are anomalies: 0 or 1, a line each")
	flag.IntVar(&o.limit, "limit", 0, "use so many samples, evenly from all (0: all)")
	flag.StringVar(&o.float, "float", "", "network in floating point to score beside it")
	cores := flag.String("cores", "M0,M3,M4,RV32I", "which cores")
	flag.Parse()
	if flag.NArg() != 1 || (o.data == "") == (o.vectors == "") {
		log.Fatal("expected one model, and -data or -vectors with -labels")
	}
	if err := run(flag.Arg(0), strings.Split(*cores, ","), o); err != nil {
		log.Fatal(err)
	}
}

// options say what is fed to the network.
type options struct {
	data, vectors, labels, float string
	limit                        int
}

// network is a network with samples and what the engine in Go makes of them.
type network struct {
	net    *lut.Network
	lib    *emitc.Library
	levels []byte      // of all samples, channels last, as the C reads them
	want   []byte      // outputs, as the C writes them
	inputs [][]float32 // of the samples
	output [][]float32 // numbers that the outputs stand for
	labels []int

	distance *lut.ReconstructionError // of an auto-encoder with levels as output
	errors   []float64                // what it says of the samples
}

func run(model string, names []string, o options) error {
	n, err := build(model)
	if err != nil {
		return err
	}
	if err := n.load(model, o); err != nil {
		return err
	}
	if o.float != "" {
		output, err := n.predict(o.float)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", o.float, n.score(output, o))
	}
	n.compute()
	score := n.score(n.output, o)
	if n.distance != nil {
		score += fmt.Sprintf(", by the error in levels AUC %.4f", auc(n.errors, n.labels))
	}
	r := n.lib.Report
	fmt.Printf("%s: %d samples, %s; %d bytes of constants, %d bytes of RAM, %d MACs\n", model, len(n.inputs), score, r.Flash, r.RAM, r.MACs)
	t, err := newTools(n)
	if err != nil {
		return err
	}
	defer t.close()
	for _, name := range names {
		instructions, code, err := t.measure(name)
		if err != nil {
			return err
		}
		fmt.Printf("%-6s %8.3f M instructions  %6d bytes of code  %7d bytes of flash  all numbers equal\n", name, instructions/1e6, code, code+r.Flash)
	}
	return nil
}

// build reads a model and emits its C.
func build(model string) (*network, error) {
	g, err := onnx.ReadFile(model)
	if err != nil {
		return nil, err
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	o := lut.Options{Shared: true}
	books, err := g.CodebookForms()
	if err != nil {
		return nil, err
	}
	for _, c := range books {
		if c.D == 2 { // as lutra.Model.EmitC does
			o.Block = math.MaxInt32
		}
	}
	n := &network{}
	if n.net, err = lut.Build(g, o); err != nil {
		return nil, err
	}
	if n.distance, err = n.net.ReconstructionError(); err != nil {
		n.distance = nil // no auto-encoder
	}
	n.lib, err = emitc.Emit(n.net, emitc.Options{Name: "net", Tool: "lutra " + lutra.Version(), Error: n.distance != nil})
	return n, err
}

// compute runs the engine in Go on all samples.
func (n *network) compute() {
	s := n.net.Compile(kernel.Best()).NewSession()
	in, out := n.net.Inputs[0], n.net.Outputs[0].Tensor
	for _, x := range n.inputs {
		s.Quantize(in.Name, x)
		n.levels = append(n.levels, channelsLast(&n.net.Tensors[in.Tensor], s.Levels(in.Tensor))...)
		levels := slices.Clone(s.Levels(in.Tensor))
		s.Run()
		if n.distance != nil {
			n.errors = append(n.errors, float64(n.distance.Of(levels, s.Levels(out))))
		}
		if scores := s.Scores(out); scores != nil {
			for _, v := range channelsLast(&n.net.Tensors[out], scores) {
				n.want = append(n.want, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
			}
		} else {
			n.want = append(n.want, channelsLast(&n.net.Tensors[out], s.Levels(out))...)
		}
		n.output = append(n.output, s.Output(0, nil))
	}
}

// channelsLast is v, [channels, height, width], as the C has it.
func channelsLast[T any](t *lut.Tensor, v []T) []T {
	plane := t.H * t.W
	out := make([]T, len(v))
	for i, x := range v {
		out[i%plane*t.C+i/plane] = x
	}
	return out
}
