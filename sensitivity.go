package lutra

import (
	"context"

	"lutra/internal/compress"
	"lutra/internal/onnx"
)

// Sensitivity is what a network suffers from the ways to store one layer.
type Sensitivity = compress.Sensitivity

// Sensitivities measures on the calibration images what becomes of the scores
// when one layer at a time is stored in one of several ways.
func (m *Model) Sensitivities(ctx context.Context, calib *DataSet, p Preprocess, o CompressOptions) ([]Sensitivity, error) {
	in, err := m.samples(calib, p)
	if err != nil {
		return nil, err
	}
	return compress.Sensitivities(ctx, m.graph, in.Inputs, o)
}

// CompressWithin returns o with rules that store the layers so that the
// compressed file takes at most size bytes, reserve of them for what is stored
// besides the network (ranges, labels), and the scores suffer little.
func (m *Model) CompressWithin(layers []Sensitivity, o CompressOptions, size, reserve int64) (CompressOptions, error) {
	template, err := compress.Template(m.graph, o)
	if err != nil {
		return o, err
	}
	sizes, err := compress.Sizes(m.graph, o)
	if err != nil {
		return o, err
	}
	b, err := onnx.Encode(template)
	if err != nil {
		return o, err
	}
	rest := int64(len(b)) + reserve
	for _, l := range sizes.Layers {
		rest -= int64(l.OutBytes)
	}
	c, err := compress.Choose(layers, int(size-rest))
	if err != nil {
		return o, &FormatError{File: m.path, Field: "size", Expected: "more bytes", Err: err}
	}
	o.Rules = append(o.Rules[:len(o.Rules):len(o.Rules)], c.Rules...)
	return o, nil
}
