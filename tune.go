package lutra

import (
	"context"
	"fmt"

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
