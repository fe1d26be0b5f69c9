package lutra

import (
	"context"

	"lutra/internal/calibrate"
)

// CalibrateOptions say how Calibrate works.
type CalibrateOptions struct {
	// Method is how the range of an activation follows from its values:
	// "minmax" (also ""), "percentile" (0.01 % of the values lie outside) or
	// "mse" (least squared error of the quantised values).
	Method   string
	Progress func(done, total int) // may be nil
}

// Calibrate runs the model in float32 on the images of set and puts the ranges
// of its activations into its metadata, to be stored by Save, and how far mode
// auto may go with 8 bits. Modes int8 and auto need the ranges. It returns how
// many there are. Sessions that exist already
// do not see them.
func (m *Model) Calibrate(ctx context.Context, set *DataSet, p Preprocess, o CalibrateOptions) (int, error) {
	in, err := m.samples(set, p)
	if err != nil {
		return 0, err
	}
	run := calibrate.Options{Engine: m.options, Progress: o.Progress}
	run.Engine.Level = m.portable()
	if o.Method != "" {
		if run.Method, err = calibrate.ParseMethod(o.Method); err != nil {
			return 0, err
		}
	}
	src := &calibrationImages{m.graph.Inputs[0].Name, in}
	ranges, err := calibrate.Run(ctx, m.graph, src, run)
	if err != nil {
		return 0, err
	}
	if err := m.graph.SetRanges(ranges); err != nil {
		return 0, err
	}
	budget, err := calibrate.Budget(ctx, m.graph, src, run)
	if err != nil {
		return 0, err
	}
	return len(ranges), m.graph.SetBudget(budget)
}

// CalibrationMethods lists what CalibrateOptions.Method takes.
func CalibrationMethods() []string { return calibrate.Methods() }

// calibrationImages are images of a data set, one at a time, as inputs of a model.
type calibrationImages struct {
	input string // its name
	*samples
}

func (c *calibrationImages) Sample(i int) (map[string]*Tensor, error) {
	x, err := c.gather(context.Background(), i, 1) // whoever asks for samples looks at the context between them
	return map[string]*Tensor{c.input: x}, err
}
