package conformance

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/onnx"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// evaluator computes the outputs of a validated graph for the given inputs.
type evaluator func(g *graph.Graph, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error)

// reference evaluates by the operators' reference definitions.
func reference(g *graph.Graph, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	p, err := g.Specialize(typesOf(in), nil)
	if err != nil {
		return nil, err
	}
	return p.Eval(in)
}

func typesOf(in map[string]*tensor.Tensor) map[string]graph.Type {
	types := make(map[string]graph.Type, len(in))
	for name, v := range in {
		types[name] = graph.Type{DType: v.DType, Shape: v.Shape}
	}
	return types
}

// readTensors reads prefix_0.pb, prefix_1.pb... of a data set.
func readTensors(set, prefix string) ([]*tensor.Tensor, error) {
	var list []*tensor.Tensor
	for i := 0; ; i++ {
		path := filepath.Join(set, fmt.Sprintf("%s_%d.pb", prefix, i))
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		_, v, err := onnx.DecodeTensor(path, b)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

// bind makes constants of the last inputs, as few as possible, so that all
// shapes are known before the run: the cases give values that decide over
// shapes, such as the new shape of Reshape, as inputs. It returns what is left
// of the inputs.
func bind(g *graph.Graph, values []*tensor.Tensor) (*graph.Graph, map[string]*tensor.Tensor, error) {
	if len(values) != len(g.Inputs) {
		return nil, nil, fmt.Errorf("%d inputs, data for %d", len(g.Inputs), len(values))
	}
	in := make(map[string]*tensor.Tensor, len(values))
	for i, v := range g.Inputs {
		in[v.Name] = values[i]
	}
	_, first := g.Specialize(typesOf(in), nil)
	for n := len(values) - 1; n >= 0; n-- {
		if first == nil {
			return g, in, nil
		}
		name := g.Inputs[n].Name
		bound := *g
		bound.Inputs = g.Inputs[:n:n]
		bound.Consts = maps.Clone(g.Consts)
		if bound.Consts == nil {
			bound.Consts = map[string]*tensor.Tensor{}
		}
		bound.Consts[name] = in[name]
		delete(in, name)
		g = &bound
		if _, err := g.Specialize(typesOf(in), nil); err == nil {
			return g, in, nil
		}
	}
	return g, in, first
}

// outcome of one case: refused is why lutra does not support it, failure what
// went wrong although it does.
type outcome struct{ refused, failure error }

// runCase evaluates the case in dir on all its data sets.
func runCase(dir string, eval evaluator) (result outcome) {
	defer func() {
		if r := recover(); r != nil {
			result.failure = fmt.Errorf("panic: %v", r)
		}
	}()
	g, err := onnx.ReadFile(filepath.Join(dir, "model.onnx"))
	if err == nil {
		err = g.Validate()
	}
	if err != nil {
		return refusal(err)
	}
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil || len(sets) == 0 {
		return outcome{failure: fmt.Errorf("no data sets (%v)", err)}
	}
	for _, set := range sets {
		if r := runSet(g, set, eval); r != (outcome{}) {
			return r
		}
	}
	return outcome{}
}

// refusal is what an error found before the run means: only errors of the one
// type that names a node, value or operator count as refusals.
func refusal(err error) outcome {
	if _, ok := err.(*safe.FormatError); ok {
		return outcome{refused: err}
	}
	return outcome{failure: err}
}

func runSet(g *graph.Graph, set string, eval evaluator) outcome {
	values, err := readTensors(set, "input")
	if err != nil {
		return outcome{failure: err}
	}
	want, err := readTensors(set, "output")
	if err != nil {
		return outcome{failure: err}
	}
	bound, in, err := bind(g, values)
	if err != nil {
		return refusal(err)
	}
	got, err := eval(bound, in)
	if err != nil {
		return outcome{failure: err}
	}
	if len(want) != len(g.Outputs) {
		return outcome{failure: fmt.Errorf("%d outputs, data for %d", len(g.Outputs), len(want))}
	}
	for i, v := range g.Outputs {
		if err := same(got[v.Name], want[i]); err != nil {
			return outcome{failure: fmt.Errorf("output %q: %w", v.Name, err)}
		}
	}
	return outcome{}
}

// cases lists the folders of all cases below dir, in order.
func cases(t *testing.T, dir string) []string {
	list, err := filepath.Glob(filepath.Join(dir, "*", "*", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range list {
		list[i] = filepath.Dir(path)
	}
	slices.Sort(list)
	return list
}
