package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"lutra"
)

// printNetron says how to look at a file in Netron, and what is to be seen there.
func printNetron(w io.Writer, m *lutra.Model, in *lutra.Inspection) error {
	name := filepath.Base(in.Model)
	lines := []string{fmt.Sprintf("%s is ordinary ONNX (opset %d). Drop it on https://netron.app, which keeps it in your browser, or run: netron %s", name, in.Opset, name), ""}
	lines = append(lines, netronCodebooks(in)...)
	dense := map[string]int{}
	for _, l := range in.Layers {
		if l.Storage != "codebook" {
			dense[l.Storage]++
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(dense)) {
		lines = append(lines, fmt.Sprintf("Dense weights: %d of %s%s.", dense[kind], kind, map[bool]string{true: ", each behind a Cast"}[kind == "float16"]))
	}
	if keys := slices.Sorted(maps.Keys(m.Metadata())); len(keys) > 0 {
		lines = append(lines, "Model properties (a click on the ground between nodes) hold "+strings.Join(keys, ", ")+".")
	}
	if in.LUT != nil {
		lines = append(lines, "Activations of few levels are calls of lutra.ReluD, TanhD and ClipD, whose bodies round.")
	}
	lines = append(lines, "docs/format.md says what the numbers mean, and how files were checked for viewers.")
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// netronCodebooks says how quantised weights are drawn.
func netronCodebooks(in *lutra.Inspection) []string {
	var names []string // of the outputs of their nodes
	matrices := false
	for _, l := range in.Layers {
		switch {
		case l.Storage != "codebook":
		case in.LUT != nil && l.D > 1 && len(l.Shape) > 2:
			names, matrices = append(names, l.Name+".matrix"), true
		default:
			names = append(names, l.Name)
		}
	}
	if names == nil {
		return nil
	}
	lines := []string{
		fmt.Sprintf("%d of %d weights are calls of functions lutra.Codebook...: nodes with the inputs codes and codebook (of the wide ones also high, the upper bits), in front of the node that they belong to.", len(names), len(in.Layers)),
		fmt.Sprintf("The output of such a node has the name of the weight: search (Control-F) for %s.", names[0]),
	}
	if matrices {
		lines = append(lines, "Kernels of pairs of weights are matrices, with the output NAME.matrix, which a Reshape brings into shape.")
	}
	return append(lines, "The symbol f on the node opens the function's body in standard operators, which any other runtime executes.")
}
