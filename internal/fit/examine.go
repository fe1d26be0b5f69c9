package fit

import (
	"fmt"
	"slices"

	"lutra/internal/data"
	"lutra/internal/graph"
	"lutra/internal/network"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// TaskOf is what a network with one input and one output is trained for: to
// yield its input if it has its shape, else to yield scores of classes. logits
// is the value that a loss reads: the output, or what a final Softmax reads.
func TaskOf(g *graph.Graph) (task network.Task, logits string, err error) {
	fail := func(field, want, got string) (network.Task, string, error) {
		return 0, "", &safe.FormatError{File: g.File, Field: field, Expected: want, Found: got}
	}
	if len(g.Inputs) != 1 || g.Inputs[0].DType != tensor.Float32 || len(g.Inputs[0].Dims) < 2 {
		return fail("inputs", "one of float32 with a batch dimension", fmt.Sprint(len(g.Inputs)))
	}
	if len(g.Outputs) != 1 || g.Outputs[0].DType != tensor.Float32 {
		return fail("outputs", "one of float32", fmt.Sprint(len(g.Outputs)))
	}
	in, out := g.Inputs[0].Dims[1:], g.Outputs[0].Dims
	if len(out) > 0 {
		out = out[1:]
	}
	logits = g.Outputs[0].Name
	if slices.EqualFunc(in, out, func(a, b graph.Dim) bool { return a.Size == b.Size }) {
		return network.Reconstruct, logits, nil
	}
	if len(out) != 1 {
		return fail("output "+logits, "batch x classes, or the shape of the input", fmt.Sprintf("%d dimensions", len(g.Outputs[0].Dims)))
	}
	if last := g.Producer(logits); last != nil && (last.Op == "Softmax" || last.Op == "LogSoftmax") {
		logits = last.Inputs[0]
	}
	return network.Classify, logits, nil
}

// Classes is the number of scores of a classifier; -1 if the file leaves it open.
func Classes(g *graph.Graph) int { return g.Outputs[0].Dims[len(g.Outputs[0].Dims)-1].Size }

// examine checks network, source and test against each other.
func (j *job) examine() (logits string, err error) {
	if err := j.graph.Validate(); err != nil {
		return "", err
	}
	if j.task, logits, err = TaskOf(j.graph); err != nil {
		return "", err
	}
	if t, ok := j.src.(interface{ Regression() bool }); ok && t.Regression() {
		j.task = network.Regress
	}
	if j.o.Teacher != nil && j.task != network.Classify {
		return "", fmt.Errorf("teacher: only classifiers are distilled")
	}
	for i := 0; j.test != nil && j.task == network.Classify && j.o.Teacher == nil && i < j.test.Len(); i++ {
		if j.test.Label(i) == data.Unlabelled {
			return "", fmt.Errorf("test data: expected a label for sample %d, or a teacher", i)
		}
	}
	if j.src.PerEpoch() < 1 {
		return "", fmt.Errorf("training data: fewer samples than a batch of %d", j.o.Batch)
	}
	return logits, nil
}
