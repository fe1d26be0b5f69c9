// Command versus times lutra beside ONNX Runtime on the same ONNX files.
//
//	versus [-threads 1] [-batch 1] [-rounds 15] [-mode fp32] [-cpu] MODEL.onnx ...
//
// Each engine runs in a process of its own that stays alive; in every round
// each of them is asked in turn for a few inferences, so that both see the
// same noise of the machine. Reported are medians, their ratio, peak resident
// memory, load time, and the largest difference of the outputs relative to
// the largest output.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"lutra"
	"lutra/oracle/ort"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("versus: ")
	var s settings
	worker := flag.String("worker", "", "internal: be the worker for this engine (lutra, ort)")
	flag.IntVar(&s.Threads, "threads", 1, "threads of each engine")
	flag.IntVar(&s.Batch, "batch", 1, "images per inference")
	flag.StringVar(&s.Mode, "mode", "fp32", "arithmetic of lutra: fp32, bf16, int8, auto (ONNX Runtime runs the file as it is)")
	flag.BoolVar(&s.CPUTime, "cpu", false, "report processor time of each process instead of elapsed time")
	rounds := flag.Int("rounds", 15, "turns per engine")
	slice := flag.Float64("slice", 100, "milliseconds of work per turn")
	asJSON := flag.Bool("json", false, "print JSON instead of a table")
	flag.Func("shape", "internal: input shape of a worker", s.parseShape)
	flag.Parse()
	if *worker != "" {
		if err := work(*worker, flag.Arg(0), s, os.Stdin, os.Stdout); err != nil {
			log.Fatal(err)
		}
		return
	}
	var results []result
	for _, path := range flag.Args() {
		r, err := compare(path, s, *rounds, *slice)
		if err != nil {
			log.Fatalf("%s: %v", path, err)
		}
		results = append(results, r)
	}
	if *asJSON {
		json.NewEncoder(os.Stdout).Encode(results)
		return
	}
	fmt.Println("| model | file MB | ORT ms | lutra ms | ORT / lutra | ORT MB | lutra MB | ORT load ms | lutra load ms | max rel. difference |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range results {
		fmt.Printf("| %s | %.2f | %.3f | %.3f | %.2fx | %.0f | %.0f | %.0f | %.0f | %.1e |\n", r.Model, r.FileMB,
			r.ORT.Median, r.Lutra.Median, r.ORT.Median/r.Lutra.Median, r.ORT.PeakMB, r.Lutra.PeakMB, r.ORT.LoadMS, r.Lutra.LoadMS, r.Difference)
	}
}

type settings struct {
	Threads, Batch int
	Mode           string // of lutra
	CPUTime        bool   // measure processor time instead of elapsed time
	Shape          []int  // of the input, batch included
}

func (s *settings) parseShape(text string) error {
	return json.Unmarshal([]byte(text), &s.Shape)
}

// inputShape is the declared shape of the model's first input, with the batch
// size asked for and 1 for other open dimensions. It is found here and not in
// the workers, so that ONNX Runtime's process holds nothing of lutra's.
func inputShape(path string, batch int) ([]int, error) {
	m, err := lutra.Open(path, lutra.Options{})
	if err != nil {
		return nil, err
	}
	shape := m.Inputs()[0].Shape
	for i := range shape {
		shape[i] = max(shape[i], 1)
	}
	shape[0] = batch
	return shape, nil
}

type result struct {
	Model      string
	FileMB     float64
	ORT, Lutra timing
	Difference float64 // max |lutra - ORT| / max |ORT|
}

type timing struct{ LoadMS, Median, Min, PeakMB float64 }

// process is one engine at work.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	ready  ready
	millis []float64
}

func launch(engine, path string, s settings) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	shape, err := json.Marshal(s.Shape)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, "-worker", engine, "-threads", fmt.Sprint(s.Threads), "-mode", s.Mode, fmt.Sprintf("-cpu=%t", s.CPUTime), "-shape", string(shape), path)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, p.receive(&p.ready)
}

func (p *process) receive(v any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("worker ended: %w", err)
	}
	return json.Unmarshal(line, v)
}

func (p *process) run(n int) ([]float64, error) {
	fmt.Fprintln(p.in, n)
	var ms []float64
	return ms, p.receive(&ms)
}

func compare(path string, s settings, rounds int, slice float64) (result, error) {
	st, err := os.Stat(path)
	if err != nil {
		return result{}, err
	}
	if s.Shape, err = inputShape(path, s.Batch); err != nil {
		return result{}, err
	}
	var both [2]*process
	for i, engine := range []string{"ort", "lutra"} {
		if both[i], err = launch(engine, path, s); err != nil {
			return result{}, fmt.Errorf("%s: %w", engine, err)
		}
	}
	for round := range rounds {
		for i := range both {
			p := both[(i+round)%2]
			warm, err := p.run(2)
			if err != nil {
				return result{}, err
			}
			ms, err := p.run(max(1, min(500, int(slice/warm[1]))))
			if err != nil {
				return result{}, err
			}
			p.millis = append(p.millis, ms...)
		}
	}
	r := result{Model: strings.TrimSuffix(filepath.Base(path), ".onnx"), FileMB: float64(st.Size()) / 1e6}
	r.Difference = ort.Difference(both[1].ready.Output, both[0].ready.Output)
	for i, t := range []*timing{&r.ORT, &r.Lutra} {
		if *t, err = both[i].finish(); err != nil {
			return result{}, err
		}
	}
	return r, nil
}

func (p *process) finish() (timing, error) {
	slices.Sort(p.millis)
	t := timing{LoadMS: p.ready.LoadMS, Median: p.millis[len(p.millis)/2], Min: p.millis[0]}
	fmt.Fprintln(p.in, 0)
	if err := p.receive(&t.PeakMB); err != nil {
		return t, err
	}
	return t, p.cmd.Wait()
}
