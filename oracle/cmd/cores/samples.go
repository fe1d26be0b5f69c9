package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"slices"

	"lutra"
	"lutra/internal/data"
)

// load reads the samples.
func (n *network) load(model string, o options) error {
	if o.vectors != "" {
		return n.loadVectors(o)
	}
	m, err := lutra.Open(model, lutra.Options{})
	if err != nil {
		return err
	}
	p, ok, err := m.Preprocess()
	if err == nil && !ok {
		err = fmt.Errorf("%s carries no preprocessing", model)
	}
	if err != nil {
		return err
	}
	set, err := data.Open(o.data, data.Options{})
	if err != nil {
		return err
	}
	t := n.net.Tensors[n.net.Inputs[0].Tensor]
	in, err := set.Inputs(p, t.W, t.H)
	if err != nil {
		return err
	}
	for i := range in.Len() {
		if !o.takes(i, in.Len()) {
			continue
		}
		x := make([]float32, t.Elems())
		if err := in.Input(i, x); err != nil {
			return err
		}
		n.inputs, n.labels = append(n.inputs, x), append(n.labels, in.Label(i))
	}
	return nil
}

func (n *network) loadVectors(o options) error {
	v, err := data.OpenVectors(o.vectors)
	if err != nil {
		return err
	}
	f, err := os.Open(o.labels)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) != v.Len() {
		return fmt.Errorf("%s: expected %d lines, found %d", o.labels, v.Len(), len(rows))
	}
	for i := range rows {
		if !o.takes(i, len(rows)) {
			continue
		}
		x := make([]float32, v.Features())
		if err := v.Input(i, x); err != nil {
			return err
		}
		label := 0
		if rows[i][0] == "1" {
			label = 1
		}
		n.inputs, n.labels = append(n.inputs, x), append(n.labels, label)
	}
	return nil
}

// score is how well the outputs fit the labels.
func (n *network) score(output [][]float32, o options) string {
	if o.vectors != "" {
		var errors []float64
		for i, y := range output {
			var sum float64
			for j, v := range y {
				d := float64(v - n.inputs[i][j])
				sum += d * d
			}
			errors = append(errors, sum)
		}
		return fmt.Sprintf("AUC %.4f", auc(errors, n.labels))
	}
	right := 0
	for i, y := range output {
		if slices.Index(y, slices.Max(y)) == n.labels[i] {
			right++
		}
	}
	return fmt.Sprintf("top-1 %.2f %%", 100*float64(right)/float64(len(output)))
}

// predict computes the outputs of a network in floating point.
func (n *network) predict(model string) ([][]float32, error) {
	m, err := lutra.Open(model, lutra.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	s, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	shape := m.Inputs()[0].Shape.Clone()
	shape[0] = 1
	var output [][]float32
	for _, x := range n.inputs {
		y, err := s.Predict(context.Background(), lutra.NewTensor(x, shape...))
		if err != nil {
			return nil, err
		}
		output = append(output, y.Float32s())
	}
	return output, nil
}

// auc is the share of pairs of an anomaly and a normal sample of which the
// anomaly has the larger error; equal ones count half.
func auc(errors []float64, labels []int) float64 {
	order := make([]int, len(errors))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(errors[a], errors[b]) })
	var sum, positives, negatives float64
	for i := 0; i < len(order); {
		var p, n float64
		for v := errors[order[i]]; i < len(order) && errors[order[i]] == v; i++ {
			if labels[order[i]] == 1 {
				p++
			} else {
				n++
			}
		}
		sum += p * (negatives + n/2)
		positives, negatives = positives+p, negatives+n
	}
	return sum / (positives * negatives)
}

// takes reports whether sample i of n is among those that limit leaves, evenly from all.
func (o options) takes(i, n int) bool {
	return o.limit <= 0 || o.limit >= n || i*o.limit%n < o.limit
}
