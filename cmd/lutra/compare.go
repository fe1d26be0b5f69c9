package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/report"
)

func newCompare() *cobra.Command {
	var f runFlags
	var d dataFlags
	cmd := &cobra.Command{
		Use:   "compare A B --data DATA",
		Short: "how far the outputs of two models agree, and what each costs",
		Long: `Compare runs both models on the same images and prints the share of images with
the same best class, the difference of the scores relative to those of A, and
size and time of both. No labels are needed.`,
		Example: `  lutra compare resnet18.onnx resnet18-codebook.onnx --data images/ --preprocess imagenet
  lutra compare resnet18.onnx resnet18-codebook.onnx --data images/ --report differences.html`,
		Args: exactArgs(2, "two models"),
	}
	var path, modeB string
	var page reportFlag
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if path == "" {
			return usagef("compare: expected images (--data DATA)")
		}
		if err := page.check(cmd); err != nil {
			return err
		}
		a, err := f.open(args[0])
		if err != nil {
			return err
		}
		b, err := f.openMode(args[1], cmp.Or(modeB, f.mode))
		if err != nil {
			return err
		}
		pa, errA := d.preprocess(a)
		pb, errB := d.preprocess(b)
		switch { // one of them may serve both
		case errA != nil && errB != nil:
			return errA
		case errA != nil:
			pa = pb
		case errB != nil:
			pb = pa
		}
		set, err := d.set(path)
		if err != nil {
			return err
		}
		line := newStatus(cmd.ErrOrStderr())
		defer line.clear()
		c, err := lutra.Compare(cmd.Context(), a, b, set, pa, pb, lutra.EvalOptions{
			Progress: func(done, total int) { line.show("comparing", float64(done), float64(total)) },
		})
		if err != nil {
			return err
		}
		times, err := interleave(cmd.Context(), []*lutra.Model{a, b}, 1, 3, 15, line)
		if err != nil {
			return err
		}
		line.clear()
		r := struct {
			*lutra.Comparison
			AMillis float64 `json:"a_ms"`
			BMillis float64 `json:"b_ms"`
		}{c, median(times[0]), median(times[1])}
		if err := page.write(cmd, func() (*report.Page, error) {
			return comparePage(cmd.Context(), a, b, set, pa, c, r.AMillis, r.BMillis)
		}); err != nil {
			return err
		}
		if f.asJSON {
			return printJSON(cmd.OutOrStdout(), r)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "same best class on %.2f %% of %d images\n", 100*c.Agreement, c.N)
		fmt.Fprintf(cmd.OutOrStdout(), "difference of scores relative to A: mean %.3g, largest %.3g\n\n", c.MeanRelError, c.MaxRelError)
		return printTable(cmd.OutOrStdout(), [][]string{
			{"", "model", "mode", "file", "ms (batch 1)"},
			{"A", shorten(c.A, 48), f.mode, bytesText(c.ABytes), fmt.Sprintf("%.3f", r.AMillis)},
			{"B", shorten(c.B, 48), cmp.Or(modeB, f.mode), bytesText(c.BBytes), fmt.Sprintf("%.3f", r.BMillis)},
		})
	}
	cmd.Flags().StringVar(&path, "data", "", "images")
	cmd.Flags().StringVar(&modeB, "mode-b", "", "arithmetic of B, if it is not that of A (--mode)")
	f.register(cmd)
	f.registerMode(cmd)
	page.register(cmd)
	d.register(cmd)
	return cmd
}

// interleave times the models in turn, so that they see the same noise of the
// machine: after warm inferences each, repeats milliseconds values a model.
func interleave(ctx context.Context, models []*lutra.Model, batch, warm, repeats int, line *status) ([][]float64, error) {
	type subject struct {
		s *lutra.Session
		x map[string]*lutra.Tensor
	}
	subjects := make([]subject, len(models))
	for i, m := range models {
		s, err := m.NewSession()
		if err != nil {
			return nil, err
		}
		subjects[i] = subject{s, m.SampleInputs(batch, 1)}
	}
	times := make([][]float64, len(models))
	for r := -warm; r < repeats; r++ {
		for i, s := range subjects {
			start := time.Now()
			if _, err := s.s.Run(ctx, s.x); err != nil {
				return nil, err
			}
			if r >= 0 {
				times[i] = append(times[i], float64(time.Since(start))/1e6)
			}
		}
		line.show("timing", float64(r+warm), float64(repeats+warm))
	}
	return times, nil
}
