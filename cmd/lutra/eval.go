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
		Use:   "eval MODEL DATA",
		Short: "score a model on labelled images",
		Long: `Eval prints the share of images whose best class (top-1) or one of whose best
five classes (top-5) is the label. DATA is a folder of class folders, a folder
or table with labels (labels.csv), MNIST IDX files or a CIFAR archive.`,
		Example: `  lutra eval resnet18.onnx images/ --preprocess imagenet
  lutra eval resnet20.onnx cifar10.tar.gz --split test --preprocess cifar --json`,
		Args: exactArgs(2, "a model and a data set"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if batch < 1 {
				return usagef("eval: expected --batch of at least 1")
			}
			m, err := f.open(args[0])
			if err != nil {
				return err
			}
			set, p, err := d.images(m, args[1])
			if err != nil {
				return err
			}
			line := newStatus(cmd.ErrOrStderr())
			defer line.clear()
			e, err := m.Evaluate(cmd.Context(), set, p, lutra.EvalOptions{
				Batch:    batch,
				Progress: func(done, total int) { line.show("evaluating", float64(done), float64(total)) },
			})
			if err != nil {
				return err
			}
			if !confusion {
				e.Confusion = nil
			}
			line.clear()
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), e)
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
