package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"lutra"
)

func newEval() *cobra.Command {
	var f runFlags
	var d dataFlags
	var confusion bool
	var batch int
	cmd := &cobra.Command{
		Use:   "eval MODEL [DATA]",
		Short: "score a model on labelled images, an auto-encoder on any",
		Long: `Eval prints the share of images whose best class (top-1) or one of whose best
five classes (top-5) is the label. DATA is a folder of class folders, a folder
or table with labels (labels.csv), MNIST IDX files or a CIFAR archive. Of an
auto-encoder it prints the mean square error on images, or on the rows of a .npy
file; the network parabola needs no DATA.`,
		Example: `  lutra eval resnet18.onnx images/ --preprocess imagenet
  lutra eval resnet20.onnx cifar10.tar.gz --split test --preprocess cifar --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return exactArgs(2, "a model and a data set")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if batch < 1 {
				return usagef("eval: expected --batch of at least 1")
			}
			m, err := f.open(args[0])
			if err != nil {
				return err
			}
			e, err := evaluate(cmd, m, args[1:], &d, batch)
			if err != nil {
				return err
			}
			if !confusion {
				e.Confusion = nil
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), e)
			}
			if e.MSE != nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: mean square error %.4g of %d samples, %.1f samples/s\n", e.Model, *e.MSE, e.N, float64(e.N)/e.Seconds)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: top-1 %.2f %%, top-5 %.2f %% of %d images, %.1f images/s\n",
				e.Model, 100*e.Top1, 100*e.Top5, e.N, float64(e.N)/e.Seconds)
			return nil
		},
	}
	f.register(cmd)
	f.registerMode(cmd)
	d.register(cmd)
	cmd.Flags().IntVar(&batch, "batch", 8, "images per inference, where the model does not fix the number")
	cmd.Flags().BoolVar(&confusion, "confusion", false, "with --json: counts by [label][best class], up to 100 classes")
	return cmd
}

// evaluate scores m on the images, or the rows of numbers, that args name.
func evaluate(cmd *cobra.Command, m *lutra.Model, args []string, d *dataFlags, batch int) (*lutra.Evaluation, error) {
	if in := m.Inputs(); len(in) == 1 && len(in[0].Shape) == 2 {
		v, err := rows(in[0].Shape[1], args, d.seed)
		if err != nil {
			return nil, err
		}
		return m.EvaluateVectors(cmd.Context(), v)
	}
	if len(args) == 0 {
		return nil, usagef("eval: expected a model and a data set, found no data set")
	}
	set, p, err := d.images(m, args[0])
	if err != nil {
		return nil, err
	}
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	return m.Evaluate(cmd.Context(), set, p, lutra.EvalOptions{
		Batch:    batch,
		Progress: func(done, total int) { line.show("evaluating", float64(done), float64(total)) },
	})
}

// rows are those of the file that args name, or the test part of the parabola.
func rows(features int, args []string, seed uint64) (*lutra.Vectors, error) {
	switch {
	case len(args) > 0:
		return lutra.OpenVectors(args[0])
	case features != 1:
		return nil, usagef("eval: expected a .npy file of rows of %d numbers", features)
	}
	_, test, err := lutra.Parabola(parabolaSamples, seed).Divide(defaultHoldOut, seed)
	return test, err
}
