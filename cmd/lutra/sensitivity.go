package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/compress"
	"lutra/internal/plot"
	"lutra/internal/safe"
)

func newSensitivity() *cobra.Command {
	var f runFlags
	var d dataFlags
	var path, picture string
	cmd := &cobra.Command{
		Use:   "sensitivity MODEL --data DATA",
		Short: "measure what each layer's compression costs",
		Long: `Sensitivity stores one layer at a time in several ways (half precision, blocks of
several sizes) and measures what becomes of the network's scores on the images:
the damage is their squared error over their variance. compress --target-size
and --max-drop choose by it. No labels are used. --plot draws the damage of every
layer over its bytes as an SVG.`,
		Example: `  lutra sensitivity resnet18.onnx --data images/ --plot damage.svg --preprocess imagenet
  lutra sensitivity net.onnx --data images/ --json`,
		Args: exactArgs(1, "one model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if path == "" {
				return usagef("sensitivity: expected images (--data DATA)")
			}
			if picture != "" {
				if !strings.EqualFold(filepath.Ext(picture), ".svg") {
					return usagef("--plot: expected a file that ends in .svg, found %q", picture)
				}
				if err := safe.Writable(picture); err != nil {
					return err
				}
			}
			o, err := lutra.CompressPreset("small")
			if err != nil {
				return err
			}
			o.Threads, o.Seed = f.threads, d.seed
			m, err := f.open(args[0])
			if err != nil {
				return err
			}
			set, p, err := d.images(m, path)
			if err != nil {
				return err
			}
			layers, err := sensitivities(cmd, &network{m, set, p}, o)
			if err != nil {
				return err
			}
			if picture != "" {
				if err := drawSensitivities(picture, m.Path(), layers); err != nil {
					return err
				}
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					Layers []lutra.Sensitivity `json:"layers"`
				}{layers})
			}
			return printSensitivities(cmd, layers)
		},
	}
	f.register(cmd)
	d.register(cmd)
	cmd.Flags().StringVar(&path, "data", "", "images, unlabelled; 32 of them are used")
	cmd.Flags().StringVar(&picture, "plot", "", "SVG file to write: damage over bytes, layer by layer")
	return cmd
}

func printSensitivities(cmd *cobra.Command, layers []lutra.Sensitivity) error {
	rows := [][]string{{"weight", "kind", "shape", "stored as", "bytes", "output error", "damage"}}
	for _, l := range layers {
		for i, c := range l.Candidates {
			row := []string{"", "", "", c.Storage.String(), fmt.Sprint(c.Bytes), fmt.Sprintf("%.4f", c.OutputError), fmt.Sprintf("%.6f", c.Damage)}
			if i == 0 {
				row[0], row[1], row[2] = weightTitle(l.Name, l.Node), l.Kind.String(), lutra.Shape(l.Shape).String()
			}
			if c.Storage == compress.Quantised {
				row[3] = fmt.Sprintf("d %d, K %d", c.D, c.K)
			}
			rows = append(rows, row)
		}
	}
	return printTable(cmd.OutOrStdout(), rows)
}

// drawSensitivities writes sensitivityGrid.
func drawSensitivities(path, model string, layers []lutra.Sensitivity) error {
	g := sensitivityGrid(filepath.Base(model)+": what storing one layer in fewer bytes costs", layers)
	return safe.WriteFile(path, func(w io.Writer) error { return g.Write(w) })
}

func damages(of []compress.Candidate) (s plot.Series) {
	for _, c := range of {
		s.X, s.Y = append(s.X, float64(c.Bytes)), append(s.Y, c.Damage)
	}
	return s
}
