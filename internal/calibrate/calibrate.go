// Package calibrate measures the ranges that the activations of a network take
// on sample inputs. They decide the 8-bit quantisation of activations.
package calibrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Method is how a range follows from the values seen.
type Method uint8

const (
	MinMax     Method = iota // smallest and largest value
	Percentile               // bounds that leave 0.01 % of the values outside
	MSE                      // bounds of least squared error of the quantised values
)

var methodNames = [...]string{MinMax: "minmax", Percentile: "percentile", MSE: "mse"}

// Methods lists the names that ParseMethod reads.
func Methods() []string { return methodNames[:] }

// ParseMethod is the method of that name.
func ParseMethod(name string) (Method, error) {
	if i := slices.Index(methodNames[:], name); i >= 0 {
		return Method(i), nil
	}
	return 0, fmt.Errorf("unknown calibration method %q (known: %s)", name, strings.Join(methodNames[:], ", "))
}

func (m Method) String() string { return methodNames[m] }

// Source is a list of samples, each the inputs of the network by name.
type Source interface {
	Len() int
	Sample(i int) (map[string]*tensor.Tensor, error)
}

// Options say how Run works.
type Options struct {
	Method   Method
	Engine   engine.Options
	Progress func(done, total int) // may be nil
}

// Run computes the network on every sample, in order, and returns the range of
// every float32 activation that the engine keeps in memory, by value name. A
// first pass finds the extremes, a second one the distribution between them.
// The result does not depend on the number of threads.
func Run(ctx context.Context, g *graph.Graph, src Source, o Options) (map[string]graph.Range, error) {
	if src.Len() == 0 {
		return nil, &safe.FormatError{File: g.File, Field: "calibration data", Expected: "at least one sample", Found: "none"}
	}
	o.Engine.Mode = engine.Float32
	m, err := engine.Compile(g, o.Engine)
	if err != nil {
		return nil, err
	}
	r := &runner{model: m, session: m.NewSession(), src: src, progress: o.Progress}
	ranges := map[string]graph.Range{}
	err = r.pass(ctx, func(name string, x []float32) error {
		lo, hi, err := bounds(x)
		if err != nil {
			return &safe.FormatError{File: g.File, Where: fmt.Sprintf("activation %q", name), Err: err}
		}
		old := ranges[name]
		ranges[name] = graph.Range{Lo: min(old.Lo, lo), Hi: max(old.Hi, hi)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	histograms := map[string]*histogram{}
	for name, bound := range ranges {
		histograms[name] = newHistogram(bound)
	}
	err = r.pass(ctx, func(name string, x []float32) error { histograms[name].add(x); return nil })
	if err != nil {
		return nil, err
	}
	for name, h := range histograms {
		bound := h.bound
		switch o.Method {
		case Percentile:
			bound = h.percentile(outside)
		case MSE:
			bound = h.leastError()
		}
		bound.Noise = h.noise(bound)
		ranges[name] = bound
	}
	return ranges, nil
}

// runner makes passes over the samples.
type runner struct {
	model    *engine.Model
	session  *engine.Session
	src      Source
	progress func(done, total int)
	done     int // samples, in both passes
}

// pass gives see every activation of every sample. Samples come in order, and
// the activations of one sample in the order of their names.
func (r *runner) pass(ctx context.Context, see func(name string, x []float32) error) error {
	for i := range r.src.Len() {
		in, err := r.src.Sample(i)
		if err != nil {
			return err
		}
		values, err := r.activations(ctx, in)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if err := see(name, values[name].Float32s()); err != nil {
				return err
			}
		}
		if r.done++; r.progress != nil {
			r.progress(r.done, 2*r.src.Len())
		}
	}
	return nil
}

// activations runs the network on in, and keeps what the engine would keep.
func (r *runner) activations(ctx context.Context, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	p, err := r.model.Plan(shapes(in), nil)
	if err != nil {
		return nil, err
	}
	names := p.Activations()
	if p, err = r.model.Plan(shapes(in), names); err != nil {
		return nil, err
	}
	return r.session.Run(ctx, p, in)
}

// outputs runs the network on in.
func (r *runner) outputs(ctx context.Context, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	p, err := r.model.Plan(shapes(in), nil)
	if err != nil {
		return nil, err
	}
	return r.session.Run(ctx, p, in)
}

func shapes(in map[string]*tensor.Tensor) map[string]tensor.Shape {
	m := make(map[string]tensor.Shape, len(in))
	for name, x := range in {
		m[name] = x.Shape
	}
	return m
}
