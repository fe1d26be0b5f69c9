// Command trainspeed times training steps of lutra and PyTorch in turns, on
// CIFAR ResNet-20, a small convolutional network and MobileNet v1 0.25 of 96x96:
//
//	go run ./cmd/trainspeed [-rounds 5] [-threads 1] [-net resnet20|small|mobilenet]
//
// It prints the medians over the rounds of images per processor second, and
// their ratio. Run it in the folder oracle; PyTorch is that of /usr/bin/python3.
//
//	go run ./cmd/trainspeed -levels 32 [-weights 1000 -pairs 0] [-net resnet8|lenet|alexnet-cifar|mlp]
//
// compares, without PyTorch, networks of lookup tables with the same networks
// of numbers, by the processor time of a step, with the clustering of the
// weights once in a thousand steps.
//
//	go run ./cmd/trainspeed -scaling 2 [-rounds 5] [-net resnet20|small|mobilenet]
//
// compares, without PyTorch, so many threads with one, on a machine that has nothing else to do.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"lutra/internal/graph"
	"lutra/internal/tensor"
	"lutra/internal/train"
)

func main() {
	rounds := flag.Int("rounds", 5, "turns of each engine")
	threads := flag.Int("threads", 1, "threads of lutra; PyTorch has one")
	only := flag.String("net", "", "one network instead of all")
	steps := flag.Int("steps", 0, "steps of a turn; 0: as many as take some tenths of a second")
	alone := flag.Bool("alone", false, "lutra only")
	profile := flag.String("profile", "", "file for a processor profile of lutra")
	scaling := flag.Int("scaling", 0, "compare so many threads with one instead of PyTorch")
	levels := flag.Int("levels", 0, "compare with networks of so many levels instead of PyTorch")
	weights := flag.Int("weights", 1000, "with -levels: values of the weights")
	pairs := flag.Int("pairs", 0, "with -levels: pairs of weights; 0: none")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			fatal(err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	if *levels > 0 {
		if err := compareTables(*only, *levels, *weights, *pairs, *steps, *rounds, *threads); err != nil {
			fatal(err)
		}
		return
	}
	for _, c := range []struct {
		name         string
		batch, steps int
	}{{"resnet20", 128, 1}, {"small", 64, 10}, {"mobilenet", 32, 2}} {
		if *only != "" && *only != c.name {
			continue
		}
		if *steps > 0 {
			c.steps = *steps
		}
		if *scaling > 0 {
			if err := compareThreads(c.name, c.batch, c.steps, *rounds, *scaling); err != nil {
				fatal(err)
			}
			continue
		}
		if err := compare(c.name, c.batch, c.steps, *rounds, *threads, *alone); err != nil {
			fatal(err)
		}
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "trainspeed:", err)
	os.Exit(1)
}

// compare prints one line about a network.
func compare(name string, batch, steps, rounds, threads int, alone bool) error {
	ours, memory, err := newLutra(name, batch, threads)
	if err != nil {
		return err
	}
	theirs := &pytorch{}
	if !alone {
		if theirs, err = startPyTorch(name, batch); err != nil {
			return err
		}
		defer theirs.stop()
	}
	var a, b, walls []float64
	for round := range rounds + 1 {
		start := time.Now()
		x, err := ours(steps)
		if err != nil {
			return err
		}
		wall := float64(steps*batch) / time.Since(start).Seconds()
		y := math.NaN()
		if !alone {
			if y, err = theirs.steps(steps); err != nil {
				return err
			}
		}
		if round > 0 { // the first one warms up
			a, b, walls = append(a, x), append(b, y), append(walls, wall)
		}
	}
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	fmt.Printf("%-9s batch %3d, %d threads: lutra %.0f, PyTorch %.0f images per processor second: ratio %.2f (%.2f to %.2f); lutra %.0f images per second (best %.0f); activations %d MiB, resident %d MiB, PyTorch %.0f MiB more than before the first step\n",
		name, batch, threads, median(a), median(b), median(ratios), slices.Min(ratios), slices.Max(ratios), median(walls), slices.Max(walls), memory>>20, usage().Maxrss>>10, theirs.grown)
	return nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// newLutra returns a function that makes steps and says images per processor second.
func newLutra(name string, batch, threads int) (func(steps int) (float64, error), int, error) {
	n, step, err := newSteps(networks[name](), batch, threads)
	if err != nil {
		return nil, 0, err
	}
	return func(steps int) (float64, error) {
		start := processorSeconds()
		for range steps {
			if err := step(); err != nil {
				return 0, err
			}
		}
		return float64(steps*batch) / (processorSeconds() - start), nil
	}, n.Memory(), nil
}

// newSteps is the training of a classifier of images, and a function that makes a step.
func newSteps(g *graph.Graph, batch, threads int) (*train.Net, func() error, error) {
	n, err := train.Compile(context.Background(), g, train.Options{Batch: batch, Threads: threads})
	if err != nil {
		return nil, nil, err
	}
	t := train.NewTrainer(n, train.OptimiserOptions{Momentum: 0.9}, train.Schedule{Base: 0.01})
	shape := []int{batch}
	for _, d := range g.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	in := map[string]*tensor.Tensor{g.Inputs[0].Name: noise(1, shape...)}
	labels := make([]int, batch)
	for i := range labels {
		labels[i] = i % 10
	}
	loss := func(n *train.Net) (float64, error) { return train.CrossEntropy(n.Outputs()[0], 1, labels, 0) }
	return n, func() error {
		_, err := t.Step(context.Background(), in, loss)
		return err
	}, nil
}

func usage() syscall.Rusage {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fatal(err)
	}
	return u
}

func processorSeconds() float64 {
	u := usage()
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// pytorch is a running oracle/train/speed.py.
type pytorch struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	grown float64 // MiB of its memory that steps have needed
}

func startPyTorch(name string, batch int) (*pytorch, error) {
	cmd := exec.Command("/usr/bin/python3", "-W", "ignore", "train/speed.py", name, fmt.Sprint(batch))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &pytorch{cmd: cmd, in: in, out: bufio.NewReader(out)}, cmd.Start()
}

func (p *pytorch) steps(n int) (float64, error) {
	if _, err := fmt.Fprintln(p.in, n); err != nil {
		return 0, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("PyTorch: %w", err)
	}
	var images, seconds float64
	if _, err := fmt.Fscan(strings.NewReader(line), &images, &seconds, &p.grown); err != nil {
		return 0, fmt.Errorf("PyTorch printed %q", line)
	}
	return images / seconds, nil
}

func (p *pytorch) stop() {
	p.in.Close()
	p.cmd.Wait()
}
