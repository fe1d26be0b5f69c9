package lutra

import (
	"context"
	"fmt"

	"lutra/internal/compress"
	"lutra/internal/fit"
	"lutra/internal/graph"
	"lutra/internal/safe"
)

// Tuning is how Tune trains unless the user says otherwise: Adam with a cosine
// over all parameters that the file holds but codes, at temperature 1, and the
// state with the least loss on held-out images kept.
func Tuning() TrainOptions {
	return TrainOptions{
		TrainRecipe: TrainRecipe{Epochs: 10, Batch: 32, Optimiser: "adam", LearningRate: 1e-3, Augment: "none"},
		Temperature: 1, TeacherWeight: 1, Baseline: true,
	}
}

// Tune trains a network of codebooks towards the scores of teacher, the network
// that it was compressed from: codewords, with o.Codes codes, and all
// parameters that are no codebooks. No labels are needed; with labels and o.TeacherWeight below 1
// they are learned, too. held are images that it does not learn from: by its
// loss on them it keeps the best state, which may be that of m. Neither the
// number of codewords nor that of codes changes. Start from Tuning.
//
// Stock et al., And the Bit Goes Down (ICLR 2020), section 3.3, tune codewords
// alone. docs/compression.md says what the rest buys.
func (m *Model) Tune(ctx context.Context, teacher *Model, training, held *DataSet, p Preprocess, o TrainOptions) (*Model, *TrainReport, error) {
	books, err := m.graph.CodebookForms()
	if err != nil {
		return nil, nil, err
	}
	if len(books) == 0 {
		return nil, nil, &safe.FormatError{File: m.path, Expected: "a network with codebooks", Found: "none", Hint: "compress it first, or train it"}
	}
	if teacher == nil || held == nil {
		return nil, nil, fmt.Errorf("tuning: expected a teacher and held-out images")
	}
	o.Teacher = teacher
	return m.Train(ctx, training, held, p, o)
}

// HasRanges says whether m carries the ranges of activations that Calibrate stores.
func (m *Model) HasRanges() bool { return m.graph.Meta[graph.RangesKey] != "" }

// CompressAfterEach distils the codewords of every layer before Compress goes on to the next.
type CompressAfterEach = compress.AfterEach

// AfterEach makes Compress distil the codewords of every layer for so many steps
// towards the scores of m, before it quantises the next layer: value for
// CompressOptions.AfterEach. A layer keeps the codewords that it was fitted
// with where those have the smaller loss on the held images. o says how, as for
// Tune; Epochs, Codes and Pieces of it do not matter. record may be nil; it
// gets the loss on the held images before and after.
//
// Stock et al., And the Bit Goes Down (ICLR 2020), section 3.3, take 2,500 steps.
func (m *Model) AfterEach(ctx context.Context, training, held *DataSet, p Preprocess, o TrainOptions, steps int, record func(weight string, before, after float64)) (*CompressAfterEach, error) {
	if held == nil || steps < 1 {
		return nil, fmt.Errorf("after each layer: expected held-out images and 1 or more steps, found %d steps", steps)
	}
	o.Teacher, o.Epochs, o.Codes, o.Pieces = m, 1, nil, 0
	c, err := m.course(ctx, training, held, p, o, &TrainReport{})
	if err != nil {
		return nil, err
	}
	f := m.fitOptions(o, c.note)
	note := struct {
		Steps int            `json:"steps"`
		Held  int            `json:"held"` // images
		Tune  map[string]any `json:"tune"`
	}{steps, held.Len(), f.Noted()}
	distil := func(ctx context.Context, g *graph.Graph, weight string, layer int, done func(step, steps int)) (*graph.Codebook, error) {
		f := f
		f.Progress = func(p TrainProgress) { done(p.Step, p.Steps) }
		book, h, err := fit.Layer(ctx, g, weight, layer, steps, c.src, c.test, f)
		if err == nil && record != nil {
			record(weight, *h.Start.TestLoss, *h.Kept().TestLoss)
		}
		return book, err
	}
	return &CompressAfterEach{Note: note, Distil: distil}, nil
}
