package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/report"
)

// benchResult is what bench prints of one model.
type benchResult struct {
	Model    string   `json:"model"`
	Mode     string   `json:"mode"`
	Threads  int      `json:"threads"`
	Batch    int      `json:"batch"`
	Repeats  int      `json:"repeats"`
	LoadMS   float64  `json:"load_ms"`
	FirstMS  float64  `json:"first_ms"`
	MedianMS float64  `json:"median_ms"`
	MinMS    float64  `json:"min_ms"`
	P90MS    float64  `json:"p90_ms"`
	SpreadMS float64  `json:"spread_ms"` // interquartile range
	PeakRSS  int64    `json:"peak_rss_bytes"`
	MACs     int64    `json:"macs"`
	Kernels  []string `json:"kernels"`
	// Versus is the model of --vs, measured in turn in the same process;
	// Speedup is its median over this one's.
	Versus  *benchResult `json:"vs,omitempty"`
	Speedup float64      `json:"speedup,omitempty"`
}

func newBench() *cobra.Command {
	var f runFlags
	var versus, modeVersus string
	var batch, warm, repeats int
	var page reportFlag
	cmd := &cobra.Command{
		Use:   "bench MODEL",
		Short: "time a model on random inputs",
		Long: `Bench runs a model on random inputs of its declared shape: warm-up, then the
given number of repeats, of which it prints median, minimum, 90th percentile
and the spread between the quartiles. With --vs a second model takes turns with
the first, so that both see the same noise of the machine. LUTRA_CPU forces an
instruction set (generic, fused, avx2, avxvnni, avx512, vnni, amx).`,
		Example: `  lutra bench resnet18.onnx --threads 1
  lutra bench resnet18-codebook.onnx --vs resnet18.onnx --repeats 50 --json
  lutra bench resnet18-codebook.onnx --vs resnet18.onnx --mode auto --mode-vs fp32 --report layers.html`,
		Args: exactArgs(1, "one model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if batch < 1 || repeats < 1 || warm < 0 {
				return usagef("bench: expected --batch and --repeats of at least 1, --warm-up of at least 0")
			}
			if modeVersus != "" && versus == "" {
				return usagef("bench: --mode-vs is for the model of --vs")
			}
			if err := page.check(cmd); err != nil {
				return err
			}
			paths, modes := args, []string{f.mode}
			if versus != "" {
				paths, modes = append(paths, versus), append(modes, cmp.Or(modeVersus, f.mode))
			}
			results := make([]*benchResult, len(paths))
			models := make([]*lutra.Model, len(paths))
			for i, path := range paths {
				var err error
				if models[i], results[i], err = f.benchLoad(cmd, path, modes[i], batch); err != nil {
					return err
				}
			}
			line := newStatus(cmd.ErrOrStderr())
			defer line.clear()
			times, err := interleave(cmd.Context(), models, batch, warm, repeats, line)
			if err != nil {
				return err
			}
			line.clear()
			for i, r := range results {
				r.summarise(times[i])
			}
			if len(results) == 2 {
				results[0].Versus = results[1]
				results[0].Speedup = results[1].MedianMS / results[0].MedianMS
			}
			if err := page.write(cmd, func() (*report.Page, error) {
				return benchPage(cmd.Context(), models, results, times)
			}); err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), results[0])
			}
			return printBench(cmd, results)
		},
	}
	f.register(cmd)
	f.registerMode(cmd)
	page.register(cmd)
	cmd.Flags().StringVar(&versus, "vs", "", "second model, measured in turn with the first")
	cmd.Flags().StringVar(&modeVersus, "mode-vs", "", "arithmetic of the model of --vs, if it is not that of --mode")
	cmd.Flags().IntVar(&batch, "batch", 1, "images per inference")
	cmd.Flags().IntVar(&warm, "warm-up", 5, "inferences before the measured ones")
	cmd.Flags().IntVar(&repeats, "repeats", 30, "measured inferences")
	return cmd
}

// benchLoad opens a model, plans it and runs it once.
func (f *runFlags) benchLoad(cmd *cobra.Command, path, mode string, batch int) (*lutra.Model, *benchResult, error) {
	start := time.Now()
	m, err := f.openMode(path, mode)
	if err != nil {
		return nil, nil, err
	}
	plan, err := m.Plan(batch)
	if err != nil {
		return nil, nil, err
	}
	if mode, err = m.Mode(); err != nil {
		return nil, nil, err
	}
	r := &benchResult{Model: path, Mode: mode, Threads: plan.Threads, Batch: batch, MACs: plan.MACs}
	for _, s := range plan.Steps {
		name := strings.TrimSpace(s.Kernel + " " + s.Level)
		if !slices.Contains(r.Kernels, name) {
			r.Kernels = append(r.Kernels, name)
		}
	}
	r.LoadMS = float64(time.Since(start)) / 1e6
	s, err := m.NewSession()
	if err != nil {
		return nil, nil, err
	}
	start = time.Now()
	_, err = s.Run(cmd.Context(), m.SampleInputs(batch, 1))
	r.FirstMS = float64(time.Since(start)) / 1e6
	return m, r, err
}

func (r *benchResult) summarise(ms []float64) {
	slices.Sort(ms)
	at := func(q float64) float64 { return ms[int(q*float64(len(ms)-1)+0.5)] }
	r.Repeats = len(ms)
	r.MinMS, r.MedianMS, r.P90MS, r.SpreadMS = ms[0], median(ms), at(0.9), at(0.75)-at(0.25)
	r.PeakRSS = peakRSS()
}

// median of values, which it sorts.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func printBench(cmd *cobra.Command, results []*benchResult) error {
	w := cmd.OutOrStdout()
	rows := [][]string{{"model", "median ms", "min", "p90", "spread", "load ms", "GMAC/s"}}
	for _, r := range results {
		rows = append(rows, []string{
			r.Model, fmt.Sprintf("%.3f", r.MedianMS), fmt.Sprintf("%.3f", r.MinMS), fmt.Sprintf("%.3f", r.P90MS),
			fmt.Sprintf("%.3f", r.SpreadMS), fmt.Sprintf("%.0f", r.LoadMS), fmt.Sprintf("%.1f", float64(r.MACs)/r.MedianMS/1e6),
		})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	r := results[0]
	fmt.Fprintf(w, "\n%d repeats, batch %d, threads %d, mode %s", r.Repeats, r.Batch, r.Threads, r.Mode)
	if r.PeakRSS > 0 {
		fmt.Fprintf(w, ", peak memory of the process %s", bytesText(r.PeakRSS))
	}
	fmt.Fprintf(w, "\nkernels: %s\n", strings.Join(r.Kernels, ", "))
	if r.Versus != nil {
		fmt.Fprintf(w, "%s (%s) takes %.2fx the time of %s (%s)\n", r.Versus.Model, r.Versus.Mode, r.Speedup, r.Model, r.Mode)
	}
	return nil
}
