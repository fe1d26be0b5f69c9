package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/safe"
)

func newCosts() *cobra.Command {
	var f runFlags
	var out string
	cmd := &cobra.Command{
		Use:   "costs -o FILE.json",
		Short: "measure what kernels cost on this processor",
		Long: `Costs times the kernels of every instruction set that this processor has (or of
the one that LUTRA_CPU names) on small layers and stores what explains the times
best: nanoseconds per step, multiplication, table lookup, decoded weight, result
and byte, for each kind of kernel. inspect --plan --costs FILE predicts with
them. It takes about a minute; other work on the machine disturbs it. Mode
auto chooses by costs between arithmetics; without --costs they are those of one
processor that the program knows, so that results do not depend on timing.`,
		Example: `  lutra costs -o costs.json
  lutra inspect resnet18.onnx --plan --measure --threads 1 --costs costs.json`,
		Args: exactArgs(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("costs: expected a file to write (-o FILE.json)")
			}
			if err := cmp.Or(safe.Writable(out), f.check()); err != nil {
				return err
			}
			line := newStatus(cmd.ErrOrStderr())
			defer line.clear()
			costs, err := lutra.MeasureCosts(cmd.Context(), f.cpu(), func(level string, done, total int) {
				line.show("measuring "+level, float64(done), float64(total))
			})
			if err != nil {
				return err
			}
			line.clear()
			b, err := lutra.EncodeCosts(costs)
			if err != nil {
				return err
			}
			if err := safe.WriteFile(out, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
				return err
			}
			kinds := 0
			for _, k := range costs {
				kinds += len(k)
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"costs": out, "levels": len(costs), "kinds": kinds})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: costs of %d kinds of kernels on %d instruction sets\n", out, kinds, len(costs))
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	jsonFlag(cmd, &f.asJSON)
	return cmd
}
