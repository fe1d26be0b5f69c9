package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/compress"
)

// explainProgress says, of an interruption, what is left to go on from.
func explainProgress(err error, folder string) error {
	left, _ := filepath.Glob(folder + "*") // budgets add to the name
	if !errors.Is(err, context.Canceled) || len(left) == 0 {
		return err
	}
	return interruption{err, folder + " keeps the progress: the same command goes on"}
}

func showCompress(line *status, p lutra.CompressProgress) {
	what := fmt.Sprintf("layer %d of %d, %s: %s", p.Layer+1, p.Layers, p.Name, p.Phase)
	if p.Total > 0 {
		what += fmt.Sprintf(" %d/%d", p.Done, p.Total)
	}
	if p.ETA > 0 {
		what += ", " + p.ETA.Round(time.Second).String() + " left"
	}
	line.show(what, 0, 0)
}

func (c *compressFlags) print(cmd *cobra.Command, m *lutra.Model, r *lutra.CompressReport, t *timing, size int64, took time.Duration) error {
	ratio := float64(m.FileBytes()) / float64(size)
	if c.asJSON {
		return printJSON(cmd.OutOrStdout(), struct {
			InBytes  int64                  `json:"in_bytes"`
			OutBytes int64                  `json:"out_bytes"`
			Ratio    float64                `json:"ratio"`
			Bits     float64                `json:"bits_per_weight"`
			DryRun   bool                   `json:"dry_run,omitempty"`
			Layers   []compress.LayerReport `json:"layers"`
			Seconds  float64                `json:"seconds"`
			Time     *timing                `json:"time,omitempty"`
		}{m.FileBytes(), size, ratio, r.BitsPerWeight(), c.dryRun, r.Layers, took.Seconds(), t})
	}
	rows := [][]string{{"weight", "kind", "shape", "d", "K", "codewords", "bytes", "bits/weight", "weight error", "output error"}}
	for _, l := range r.Layers {
		row := []string{weightTitle(l.Name, l.Node), l.Kind.String(), lutra.Shape(l.Shape).String(), "", "", "", fmt.Sprint(l.OutBytes), fmt.Sprintf("%.2f", l.BitsPerWeight), "", ""}
		if l.Storage == compress.Quantised {
			row[3], row[4], row[5] = fmt.Sprint(l.D), fmt.Sprint(l.K), l.Codewords.String()
			if !c.dryRun {
				row[8] = fmt.Sprintf("%.4f", l.WeightError)
				if len(c.calib) > 0 {
					row[9] = fmt.Sprintf("%.4f", l.OutputError)
				}
			}
		} else {
			row[3] = l.Storage.String()
		}
		rows = append(rows, row)
	}
	w := cmd.OutOrStdout()
	if err := printTable(w, rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s -> %s, %.1fx smaller, %.2f bits per weight", bytesText(m.FileBytes()), bytesText(size), ratio, r.BitsPerWeight())
	if c.dryRun {
		fmt.Fprintln(w, " (expected)")
		return nil
	}
	fmt.Fprintf(w, ", %.1f s\n", took.Seconds())
	t.print(w)
	return nil
}
