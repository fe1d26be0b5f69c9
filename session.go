package lutra

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"lutra/internal/engine"
	"lutra/internal/lut"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Session runs a model. Sessions of one model share its weights and may run at
// the same time; each is used by one goroutine at a time.
type Session struct {
	model *Model
	eng   *engine.Model
	s     *engine.Session
	lut   *lut.Batch // in modes lut and lut16, instead of eng and s
}

// NewSession makes a session. The first one compiles the model.
func (m *Model) NewSession() (*Session, error) {
	if m.lut.mode != "" {
		p, err := m.integers()
		if err != nil {
			return nil, err
		}
		return &Session{model: m, lut: p.NewBatch(m.threads())}, nil
	}
	eng, err := m.engine()
	if err != nil {
		return nil, err
	}
	return &Session{model: m, eng: eng, s: eng.NewSession()}, nil
}

// Run computes the outputs of the model, by name, for inputs by name. It stops
// early, with the error of ctx, when ctx ends.
func (s *Session) Run(ctx context.Context, inputs map[string]*Tensor) (map[string]*Tensor, error) {
	if s.lut != nil {
		return s.lut.Run(ctx, inputs)
	}
	shapes := make(map[string]Shape, len(inputs))
	for name, t := range inputs {
		shapes[name] = t.Shape
	}
	plan, err := s.eng.Plan(shapes, nil)
	if err != nil {
		return nil, err
	}
	return s.s.Run(ctx, plan, inputs)
}

// Predict runs a model with one input and returns its first output.
func (s *Session) Predict(ctx context.Context, x *Tensor) (*Tensor, error) {
	in := s.model.graph.Inputs
	if len(in) != 1 {
		return nil, &safe.FormatError{File: s.model.path, Field: "inputs", Expected: "1", Found: fmt.Sprint(len(in))}
	}
	out, err := s.Run(ctx, map[string]*Tensor{in[0].Name: x})
	if err != nil {
		return nil, err
	}
	return out[s.model.graph.Outputs[0].Name], nil
}

// Plan is how a model runs for inputs of fixed shapes: a table with String, JSON by its tags.
type Plan struct {
	engine.Info
	text string // instead of Info's
}

// String is the plan as a table, one line a step.
func (p *Plan) String() string {
	if p.text != "" {
		return p.text
	}
	return p.Info.String()
}

// Plan shows how the model runs on a batch of inputs of the declared shape.
func (m *Model) Plan(batch int) (*Plan, error) {
	if m.lut.mode != "" {
		return m.lutPlan()
	}
	_, p, err := m.enginePlan(batch)
	if err != nil {
		return nil, err
	}
	return &Plan{Info: p.Info()}, nil
}

func (m *Model) enginePlan(batch int) (*engine.Model, *engine.Plan, error) {
	eng, err := m.engine()
	if err != nil {
		return nil, nil, err
	}
	p, err := eng.Plan(m.inputShapes(batch), nil)
	return eng, p, err
}

// MeasuredPlan is Plan with the least time of every step over several runs on
// SampleInputs. In modes lut and lut16 it measures nothing.
func (m *Model) MeasuredPlan(ctx context.Context, batch int) (*Plan, error) {
	if m.lut.mode != "" {
		return m.lutPlan()
	}
	eng, p, err := m.enginePlan(batch)
	if err != nil {
		return nil, err
	}
	times, err := eng.NewSession().Times(ctx, p, m.SampleInputs(batch, 1))
	if err != nil {
		return nil, err
	}
	return &Plan{Info: p.Info().Measured(times)}, nil
}

// inputShapes are the declared shapes with the first dimension set to batch
// and 1 for other open dimensions.
func (m *Model) inputShapes(batch int) map[string]Shape {
	shapes := make(map[string]Shape, len(m.graph.Inputs))
	for _, v := range m.Inputs() {
		for i, n := range v.Shape {
			if n < 0 {
				v.Shape[i] = 1
			}
		}
		if len(v.Shape) > 0 {
			v.Shape[0] = batch
		}
		shapes[v.Name] = v.Shape
	}
	return shapes
}

// Timed makes later runs measure every step of the plan, for Profile.
// In modes lut and lut16 it does nothing.
func (s *Session) Timed(on bool) {
	if s.s != nil {
		s.s.Timed(on)
	}
}

// Profile is the time of each step of the last run, in the order of the plan's
// steps; nil in modes lut and lut16.
func (s *Session) Profile() []time.Duration {
	if s.s == nil {
		return nil
	}
	return s.s.Profile()
}

// SampleInputs are random inputs of the declared shapes, for timing: standard
// normal numbers, the same for the same seed. Inputs that are not float32 are zero.
func (m *Model) SampleInputs(batch int, seed uint64) map[string]*Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	shapes := m.inputShapes(batch)
	in := make(map[string]*Tensor, len(shapes))
	for _, v := range m.graph.Inputs {
		t := tensor.New(v.DType, shapes[v.Name]...)
		if v.DType == tensor.Float32 {
			for i := range t.Float32s() {
				t.Float32s()[i] = float32(rng.NormFloat64())
			}
		}
		in[v.Name] = t
	}
	return in
}
