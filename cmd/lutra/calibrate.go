package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lutra"
)

func newCalibrate() *cobra.Command {
	var f runFlags
	var d dataFlags
	var path, out, method string
	cmd := &cobra.Command{
		Use:   "calibrate MODEL --data DATA -o OUT.onnx",
		Short: "store the ranges of activations, which int8 execution needs",
		Long: `Calibrate runs the model in float32 on images and stores the range of every
activation in the file (metadata lutra.ranges); nothing else changes. A few
dozen images are enough, no labels are needed. The methods: minmax takes the
smallest and largest value, percentile leaves 0.01 % of the values outside, mse
finds the range of least squared error.`,
		Example: `  lutra calibrate resnet18.onnx --data images/ --limit 32 --preprocess imagenet -o resnet18-int8.onnx
  lutra calibrate small.onnx --data images/ --method mse -o small.onnx`,
		Args: exactArgs(1, "one model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if path == "" {
				return usagef("calibrate: expected images (--data DATA)")
			}
			if err := checkOutput(cmd, out); err != nil {
				return err
			}
			if err := checkMethod("--method", method); err != nil {
				return err
			}
			m, err := f.open(args[0])
			if err != nil {
				return err
			}
			set, p, err := d.images(m, path)
			if err != nil {
				return err
			}
			n, err := calibrateModel(cmd, m, set, p, method)
			if err != nil {
				return err
			}
			if err := m.Describe(p, nil); err != nil {
				return err
			}
			if err := m.Save(out); err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"model": out, "ranges": n, "images": set.Len(), "method": method})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ranges of %d activations on %d images\n", out, n, set.Len())
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "data", "", "calibration images, unlabelled")
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	cmd.Flags().StringVar(&method, "method", "mse", "ranges: "+strings.Join(lutra.CalibrationMethods(), ", "))
	f.register(cmd)
	d.register(cmd)
	return cmd
}

// checkMethod demands a calibration method.
func checkMethod(flag, method string) error {
	if known := lutra.CalibrationMethods(); !slices.Contains(known, method) {
		return usagef("%s: expected %s, found %q", flag, strings.Join(known, ", "), method)
	}
	return nil
}

// calibrateModel puts ranges into m and returns their number.
func calibrateModel(cmd *cobra.Command, m *lutra.Model, set *lutra.DataSet, p lutra.Preprocess, method string) (int, error) {
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	return m.Calibrate(cmd.Context(), set, p, lutra.CalibrateOptions{
		Method:   method,
		Progress: func(done, total int) { line.show("calibrating", float64(done), float64(total)) },
	})
}
