package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"lutra"
)

func newConvert() *cobra.Command {
	var f runFlags
	var out string
	cmd := &cobra.Command{
		Use:   "convert MODEL -o OUT.onnx",
		Short: "turn a PyTorch, TensorFlow Lite or ONNX file into ONNX, codebooks kept",
		Long: `Convert reads a PyTorch file (a state dict of a torchvision or CIFAR ResNet, or
a compressed network of kill-the-bits or PQF), a TensorFlow Lite file of a small
network (its bytes become floats) or an ONNX file and writes ONNX.
Codes and codebooks stay codes and codebooks. No code in the file is executed.`,
		Example: `  lutra convert resnet18_small_blocks.pth -o resnet18.onnx
  lutra convert --arch resnet50 checkpoint.pth -o resnet50.onnx
  lutra convert kws_ref_model_float32.tflite -o kws.onnx`,
		Args: exactArgs(1, "one model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(cmd, out, args[0]); err != nil {
				return err
			}
			m, err := unless(cmd.Context(), func() (*lutra.Model, error) { return f.open(args[0]) })
			if err != nil {
				return err
			}
			if err := m.Save(out); err != nil {
				return err
			}
			in, err := m.Inspect(nil)
			if err != nil {
				return err
			}
			written, err := fileBytes(out)
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{
					"in_bytes": m.FileBytes(), "out_bytes": written, "parameters": in.Parameters, "bits_per_weight": in.BitsPerWeight,
				})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %d parameters, %.2f bits per weight\n", out, bytesText(written), in.Parameters, in.BitsPerWeight)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	f.register(cmd)
	return cmd
}
