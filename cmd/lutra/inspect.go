package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/report"
)

func newInspect() *cobra.Command {
	var f runFlags
	var reference string
	var plan, measure, netron bool
	var batch int
	var page reportFlag
	cmd := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "what a file stores, layer by layer, or how it would run",
		Long: `Inspect prints, for every weight, its shape, block size d, codewords K, bytes,
bits per weight, the codewords that are in use, the mean and the largest number
of distinct ones per block of inputs and per output, the entropy of the codes,
and the errors that compress noted in the file. With --reference the error of
each weight is relative to a float model with the same names, which also names
the layers; outputs of convolutions are compared up to a factor each, which the
file keeps in the normalisation behind.

With --plan it prints the steps the engine would execute: fused nodes, kernel,
layout, multiplications, table lookups, bytes, and the time that unit costs
predict: those of --costs (see lutra costs) or of one processor that the program
knows. --measure adds the least time of each step over several runs on
random inputs.`,
		Example: `  lutra inspect resnet18-codebook.onnx --reference resnet18.onnx
  lutra inspect resnet18-codebook.onnx --report codebooks.html
  lutra inspect resnet18-codebook.onnx --netron
  lutra inspect resnet18.onnx --plan
  lutra inspect resnet18.onnx --plan --measure --mode int8 --threads 1 --json`,
		Args: exactArgs(1, "one model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if batch < 1 {
				return usagef("inspect: expected --batch of at least 1")
			}
			for _, name := range []string{"measure", "batch", "costs", "mode"} {
				if cmd.Flags().Changed(name) && !plan {
					return usagef("inspect: --%s is for --plan", name)
				}
			}
			if reference != "" && plan {
				return usagef("inspect: --reference is about what is stored: expected no --plan")
			}
			if netron && (plan || f.asJSON) {
				return usagef("inspect: --netron is text about what is stored: expected no --plan and no --json")
			}
			if page.path != "" && plan {
				return usagef("inspect: --report shows what is stored; of how it runs see lutra bench --report")
			}
			if err := page.check(cmd); err != nil {
				return err
			}
			m, err := f.open(args[0])
			if err != nil {
				return err
			}
			if plan {
				return f.printPlan(cmd, m, batch, measure)
			}
			var ref *lutra.Model
			if reference != "" {
				if ref, err = f.open(reference); err != nil {
					return err
				}
			}
			in, err := m.Inspect(ref)
			if err != nil {
				return err
			}
			if ref != nil && !slices.ContainsFunc(in.Layers, func(l lutra.Layer) bool { return l.WeightError != nil }) {
				return &lutra.FormatError{File: reference, Expected: "weights of the names and shapes of " + m.Path(), Found: "none", Hint: "the reference is the model that was compressed"}
			}
			if err := page.write(cmd, func() (*report.Page, error) { return inspectPage(m, in) }); err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), in)
			}
			if netron {
				return printNetron(cmd.OutOrStdout(), m, in)
			}
			if err := printInspection(cmd, in); err != nil || ref != nil {
				return err
			}
			return printNameless(cmd, in)
		},
	}
	f.register(cmd)
	f.registerMode(cmd)
	page.register(cmd)
	cmd.Flags().StringVar(&reference, "reference", "", "float model to compare weights with")
	cmd.Flags().BoolVar(&netron, "netron", false, "say how to look at the file in Netron, and what is to be seen there")
	cmd.Flags().BoolVar(&plan, "plan", false, "print how the engine would run the model")
	cmd.Flags().IntVar(&batch, "batch", 1, "with --plan: images per inference")
	cmd.Flags().BoolVar(&measure, "measure", false, "with --plan: time every step")
	cmd.Flags().StringVar(&f.costs, "costs", "", "with --plan: file of lutra costs, for predictions and the choices of mode auto")
	return cmd
}

func (f *runFlags) printPlan(cmd *cobra.Command, m *lutra.Model, batch int, measure bool) error {
	p, err := m.Plan(batch)
	if err == nil && measure {
		p, err = m.MeasuredPlan(cmd.Context(), batch)
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), p)
	}
	fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(p.String(), "\n"))
	return nil
}

// printNameless says where names of layers are to be had, if exporters have made
// those of the weights up and the file has none of nodes.
func printNameless(cmd *cobra.Command, in *lutra.Inspection) error {
	if !slices.ContainsFunc(in.Layers, func(l lutra.Layer) bool { return l.Node == "" && madeUp(l.Name) }) {
		return nil
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), "onnx::... are names that PyTorch made up: --reference MODEL, the model that was compressed, tells those of the layers")
	return err
}

func printInspection(cmd *cobra.Command, in *lutra.Inspection) error {
	rows := [][]string{{"weight", "op", "shape", "storage", "d", "K", "codewords", "used", "per block", "per output", "entropy", "bytes", "bits/weight", "weight error", "output error"}}
	for _, l := range in.Layers {
		row := []string{weightTitle(l.Name, l.Node), l.Op, l.Shape.String(), l.Storage, "", "", "", "", "", "", "", fmt.Sprint(l.Bytes), fmt.Sprintf("%.2f", l.BitsPerWeight), "", ""}
		if l.Storage == "codebook" {
			row[4], row[5], row[6] = fmt.Sprint(l.D), fmt.Sprint(l.K), l.Codewords
			row[7], row[10] = fmt.Sprint(l.Distinct), fmt.Sprintf("%.2f", l.Entropy)
			row[8], row[9] = fmt.Sprintf("%.0f, %d", l.PerBlock, l.PerBlockMost), fmt.Sprintf("%.0f, %d", l.PerOutput, l.PerOutputMost)
		}
		if l.WeightError != nil {
			row[13] = fmt.Sprintf("%.4f", *l.WeightError)
		}
		if l.OutputError != nil {
			row[14] = fmt.Sprintf("%.4f", *l.OutputError)
		}
		rows = append(rows, row)
	}
	w := cmd.OutOrStdout()
	if err := printTable(w, rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s: %s, opset %d, %d parameters\n", in.Model, bytesText(in.FileBytes), in.Opset, in.Parameters)
	fmt.Fprintf(w, "weights listed: %d in %s, %.2f bits per weight\n", in.Weights, bytesText(int64(in.WeightBytes)), in.BitsPerWeight)
	if in.LUT != nil {
		if err := printLUT(w, in.LUT); err != nil {
			return err
		}
	}
	for _, v := range in.Inputs {
		fmt.Fprintf(w, "input %s: %s %s\n", v.Name, v.DType, openShape(v.Shape))
	}
	for _, v := range in.Outputs {
		fmt.Fprintf(w, "output %s: %s %s\n", v.Name, v.DType, openShape(v.Shape))
	}
	return nil
}

// printLUT prints the memory of a network of lookup tables.
func printLUT(w io.Writer, m *lutra.LUTMemory) error {
	fmt.Fprintf(w, "\nlookup tables, %s of products in memory; bytes of codes as stored, packed, entropy-coded:\n", bytesText(int64(m.Tables)))
	rows := [][]string{{"layer", "weights", "codewords", "used", "entropy", "stored", "packed", "coded", "coded bits/weight"}}
	for _, l := range append(m.Layers[:len(m.Layers):len(m.Layers)], m.Total) {
		rows = append(rows, []string{l.Layer, fmt.Sprint(l.Weights), fmt.Sprint(l.Words), fmt.Sprint(l.Used), fmt.Sprintf("%.2f", l.Entropy),
			fmt.Sprint(l.Stored), fmt.Sprint(l.Packed), fmt.Sprint(l.Coded), fmt.Sprintf("%.2f", l.BitsPerWeight)})
	}
	return printTable(w, rows)
}

// openShape prints a shape with "?" for open dimensions.
func openShape(s lutra.Shape) string { return strings.ReplaceAll(s.String(), "-1", "?") }
