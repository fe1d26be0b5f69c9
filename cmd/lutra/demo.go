package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lutra"
)

// Seeds of the demo's images; the network was trained on seed 1.
const (
	demoCalibrationSeed = 2
	demoTestSeed        = 3
)

func newDemo() *cobra.Command {
	var f runFlags
	var out string
	var images, calibration int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "compress, score and time a small built-in network; no data needed",
		Long: `Demo does the main job on what the program carries: a small float network that
reads digits and letters, and images drawn on the fly. It compresses the
network with unlabelled images, writes it as ONNX, and scores and times the float
network and the compressed one, in float32 and in 8 bits, in turn.`,
		Example: `  lutra demo
  lutra demo -o glyph-codebook.onnx --images 10000`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if images < 1 || calibration < 1 {
				return usagef("demo: expected --images and --calibration of at least 1")
			}
			if err := cmp.Or(checkOutput(cmd, out), f.check()); err != nil {
				return err
			}
			r, err := f.demo(cmd, images, calibration, out)
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), r)
			}
			return r.print(cmd)
		},
	}
	f.registerThreads(cmd)
	cmd.Flags().StringVarP(&out, "output", "o", "glyph-codebook.onnx", "file to write")
	cmd.Flags().IntVar(&images, "images", 4000, "fresh images to score on")
	cmd.Flags().IntVar(&calibration, "calibration", 500, "unlabelled images to compress with")
	return cmd
}

// demoSide is what the demo measured of a network in one arithmetic.
type demoSide struct {
	Bytes         int64    `json:"bytes"`
	BitsPerWeight float64  `json:"bits_per_weight"`
	Top1          float64  `json:"top1"`
	MedianMS      float64  `json:"median_ms"`
	Kernels       []string `json:"kernels"`
}

type demoResult struct {
	Float    demoSide `json:"float"`
	Codebook demoSide `json:"codebook"`
	Bytes    demoSide `json:"codebook_int8"` // the same file in 8-bit arithmetic
	Images   int      `json:"images"`
	Ratio    float64  `json:"ratio"`
	File     string   `json:"file"`
	Seconds  float64  `json:"seconds"`
}

func (f *runFlags) demo(cmd *cobra.Command, images, calibration int, out string) (*demoResult, error) {
	start := time.Now()
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	float, err := lutra.DemoModel(lutra.Options{Threads: f.threads, CPU: f.cpu()})
	if err != nil {
		return nil, err
	}
	p, _, err := float.Preprocess()
	if err != nil {
		return nil, err
	}
	small, err := f.demoCompress(cmd, float, p, calibration, line)
	if err != nil {
		return nil, err
	}
	if err := small.Save(out); err != nil {
		return nil, err
	}
	bytes, err := lutra.Open(out, lutra.Options{Threads: f.threads, CPU: f.cpu(), Mode: "int8"})
	if err != nil {
		return nil, err
	}
	test, err := lutra.DemoData(demoTestSeed, images)
	if err != nil {
		return nil, err
	}
	r := &demoResult{Images: images, File: out}
	models, sides := []*lutra.Model{float, small, bytes}, []*demoSide{&r.Float, &r.Codebook, &r.Bytes}
	for i, m := range models {
		e, err := m.Evaluate(cmd.Context(), test, p, lutra.EvalOptions{Batch: 32, Progress: func(done, total int) {
			line.show("scoring", float64(i*total+done), float64(len(models)*total))
		}})
		if err != nil {
			return nil, err
		}
		sides[i].Top1 = e.Top1
		if err := sides[i].describe(m); err != nil {
			return nil, err
		}
	}
	times, err := interleave(cmd.Context(), models, 1, 50, 500, line)
	if err != nil {
		return nil, err
	}
	for i, t := range times {
		sides[i].MedianMS = median(t)
	}
	r.Ratio = float64(r.Float.Bytes) / float64(r.Codebook.Bytes)
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// demoCompress compresses the float network with unlabelled images and stores
// the ranges of its activations.
func (f *runFlags) demoCompress(cmd *cobra.Command, float *lutra.Model, p lutra.Preprocess, images int, line *status) (*lutra.Model, error) {
	line.show("drawing images", 0, 0)
	calib, err := lutra.DemoData(demoCalibrationSeed, images)
	if err != nil {
		return nil, err
	}
	o, err := lutra.CompressPreset("small")
	if err != nil {
		return nil, err
	}
	o.Threads, o.Seed = f.threads, 1
	o.Progress = func(p lutra.CompressProgress) { showCompress(line, p) }
	small, _, err := float.Compress(cmd.Context(), calib, p, o)
	if err != nil {
		return nil, err
	}
	_, err = small.Calibrate(cmd.Context(), calib.Subset(rangeImages, o.Seed), p, lutra.CalibrateOptions{Method: "mse"})
	return small, err
}

// describe fills in size and kernels.
func (d *demoSide) describe(m *lutra.Model) error {
	in, err := m.Inspect(nil)
	if err != nil {
		return err
	}
	plan, err := m.Plan(1)
	if err != nil {
		return err
	}
	d.Bytes, d.BitsPerWeight = in.FileBytes, in.BitsPerWeight
	for _, s := range plan.Steps {
		if name := strings.TrimSpace(s.Kernel + " " + s.Level); s.MACs > 0 && !slices.Contains(d.Kernels, name) {
			d.Kernels = append(d.Kernels, name)
		}
	}
	return nil
}

func (r *demoResult) print(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	row := func(name string, s demoSide) []string {
		return []string{name, bytesText(s.Bytes), fmt.Sprintf("%.2f", s.BitsPerWeight), fmt.Sprintf("%.2f %%", 100*s.Top1), fmt.Sprintf("%.3f", s.MedianMS), strings.Join(s.Kernels, ", ")}
	}
	err := printTable(w, [][]string{
		{"network", "file", "bits/weight", "top-1", "ms", "kernels"},
		row("float32", r.Float),
		row("codebook", r.Codebook),
		row("codebook, int8", r.Bytes),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%.1fx smaller, %.1fx as fast in 8 bits; scored on %d fresh images; batch 1; %.0f s in all\n",
		r.Ratio, r.Float.MedianMS/r.Bytes.MedianMS, r.Images, r.Seconds)
	fmt.Fprintf(w, "%s is ordinary ONNX: any runtime opens it\n", r.File)
	return nil
}
