package lutra

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

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
	return compress.Sensitivities(ctx, m.graph, in.Inputs, m.portably(o))
}

// CompressTrial is the damage to the outputs on one half of at most 96
// calibration images when m is compressed by o, quickly, with the other half.
func (m *Model) CompressTrial(ctx context.Context, calib *DataSet, p Preprocess, o CompressOptions) (float64, error) {
	in, err := m.samples(calib, p)
	if err != nil {
		return 0, err
	}
	return compress.Trial(ctx, m.graph, in.Inputs, m.portably(o))
}

// CompressBudget is what a compressed network may take.
type CompressBudget struct {
	// Size is the most bytes of the file, Reserve of them for what is stored
	// besides the network (ranges, labels).
	Size, Reserve int64
	// US is the longest predicted time of an inference in microseconds, Rest that
	// of all but the layers, as LayerTimes says; 0: any time.
	US, Rest float64
}

// CompressWithin returns o with rules that store the layers so that the
// compressed file keeps to the budget and the scores suffer little.
func (m *Model) CompressWithin(layers []Sensitivity, o CompressOptions, b CompressBudget) (CompressOptions, error) {
	size, err := m.besides(o)
	if err != nil {
		return o, err
	}
	limits := compress.Limits{Bytes: int(b.Size - size - b.Reserve)}
	if limits.Bytes <= 0 {
		return o, &FormatError{File: m.path, Field: "size", Expected: fmt.Sprintf("more than %d bytes, which the file takes without its weights", size+b.Reserve), Found: fmt.Sprint(b.Size)}
	}
	if b.US > 0 {
		if limits.US = b.US - b.Rest; limits.US <= 0 {
			limits.US = math.SmallestNonzeroFloat64
		}
	}
	c, err := compress.Choose(layers, limits)
	var slow *compress.TooSlowError
	switch {
	case errors.As(err, &slow) && slow.Least > limits.US:
		return o, fmt.Errorf("%s: no choice of blocks is predicted to take %.3g ms or less: the least is %.3g ms", m.path, b.US/1e3, (slow.Least+b.Rest)/1e3)
	case slow != nil:
		return o, fmt.Errorf("%s: no choice of blocks found that is predicted to take %.3g ms and at most %d bytes: allow more of either", m.path, b.US/1e3, b.Size)
	case err != nil:
		return o, &FormatError{File: m.path, Field: "size", Expected: "more bytes", Err: err}
	}
	o.Rules = append(o.Rules[:len(o.Rules):len(o.Rules)], c.Rules...)
	return o, nil
}

// besides is the bytes of the file that o makes of m without the layers.
func (m *Model) besides(o CompressOptions) (int64, error) {
	template, err := compress.Template(m.graph, o)
	if err != nil {
		return 0, err
	}
	sizes, err := compress.Sizes(m.graph, o)
	if err != nil {
		return 0, err
	}
	rest, err := onnx.Size(template)
	if err != nil {
		return 0, err
	}
	for _, l := range sizes.Layers {
		rest -= int64(l.OutBytes)
	}
	return rest, nil
}

// timingImages are enough to calibrate networks whose outputs do not matter.
const timingImages = 4

// LayerTimes returns layers with the predicted time of every candidate in an
// inference of one sample as run says, and the time of all else. The networks
// that are predicted have codes drawn at random: as many variants as the layer
// with the most candidates has.
func (m *Model) LayerTimes(ctx context.Context, calib *DataSet, p Preprocess, layers []Sensitivity, o CompressOptions, run Options) ([]Sensitivity, float64, error) {
	timed, most, rest := slices.Clone(layers), 0, 0.0
	for i := range timed {
		timed[i].Candidates = slices.Clone(timed[i].Candidates)
		most = max(most, len(timed[i].Candidates))
	}
	for j := range most {
		variant := o
		variant.Rules = o.Rules[:len(o.Rules):len(o.Rules)]
		for _, l := range layers {
			if n := len(l.Candidates); n > 1 {
				variant.Rules = append(variant.Rules, l.Rule(l.Candidates[min(j, n-1)]))
			}
		}
		plan, err := m.mockPlan(ctx, calib, p, variant, run)
		if err != nil {
			return nil, 0, err
		}
		others := plan.PredictedUS
		if others == 0 {
			return nil, 0, fmt.Errorf("%s: nothing is known of the speed of this processor: measure it (lutra costs)", m.path)
		}
		for i := range timed {
			c := timed[i].Candidates
			us := plan.timeOf(timed[i].Node)
			others -= us
			c[min(j, len(c)-1)].US = us
		}
		rest = max(rest, others)
	}
	return timed, rest, nil
}

// mockPlan is the plan of a network that is stored as o says.
func (m *Model) mockPlan(ctx context.Context, calib *DataSet, p Preprocess, o CompressOptions, run Options) (*Plan, error) {
	g, err := compress.Mock(m.graph, o)
	if err != nil {
		return nil, err
	}
	mock, err := newModel(m.path, 0, g, run)
	if err != nil {
		return nil, err
	}
	if run.Mode == "int8" || run.Mode == "auto" {
		if _, err := mock.Calibrate(ctx, calib.Subset(timingImages, o.Seed), p, CalibrateOptions{}); err != nil {
			return nil, err
		}
	}
	return mock.Plan(1)
}

// timeOf is the predicted time of the steps that compute a node.
func (p *Plan) timeOf(node string) float64 {
	sum := 0.0
	for _, s := range p.Steps {
		if slices.Contains(s.Nodes, node) {
			sum += s.PredictedUS
		}
	}
	return sum
}
