package graph

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"lutra/internal/tensor"
)

// application is an operator applied to constants: what it gives, or words of
// the error.
type application struct {
	name  string
	op    string
	opset int64 // 17 if 0
	attrs []Attr
	in    []*tensor.Tensor // nil: omitted
	want  []*tensor.Tensor
	fails string
}

func check(t *testing.T, list []application) {
	t.Helper()
	for _, a := range list {
		t.Run(strings.Trim(a.op+"/"+a.name, "/"), func(t *testing.T) {
			t.Helper()
			got, err := a.evaluate(max(len(a.want), 1))
			if a.fails != "" {
				if err == nil || !strings.Contains(err.Error(), a.fails) {
					t.Fatalf("error %v, want one that mentions %q", err, a.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range a.want {
				if err := equal(got[i], w); err != nil {
					t.Errorf("output %d: %v", i, err)
				}
			}
		})
	}
}

// evaluate applies the shape rule, then the reference definition to results of
// that type filled with rubbish.
func (a application) evaluate(outputs int) ([]*tensor.Tensor, error) {
	if a.opset == 0 {
		a.opset = 17
	}
	row, ok := Lookup("", a.op, a.opset)
	if !ok {
		return nil, fmt.Errorf("no operator %s-%d", a.op, a.opset)
	}
	c := &Call{Node: &Node{Op: a.op, Attrs: a.attrs}, Opset: a.opset}
	for i, v := range a.in {
		name := fmt.Sprintf("in%d", i)
		var typ Type
		if v == nil {
			name = ""
		} else {
			typ = Type{v.DType, v.Shape}
		}
		c.Node.Inputs = append(c.Node.Inputs, name)
		c.In, c.Value = append(c.In, typ), append(c.Value, v)
	}
	for i := range outputs {
		c.Node.Outputs = append(c.Node.Outputs, fmt.Sprintf("out%d", i))
	}
	types, err := row.Infer(c)
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, outputs)
	for i := range out {
		out[i] = tensor.New(types[i].DType, types[i].Shape...)
		for k := range out[i].Bytes() {
			out[i].Bytes()[k] = 0xa5
		}
	}
	return out, row.Eval(c, out)
}

// equal compares floating-point numbers to 6 digits (3 for 16-bit types), all
// else exactly.
func equal(got, want *tensor.Tensor) error {
	if got.DType != want.DType || !got.Shape.Equal(want.Shape) {
		return fmt.Errorf("%v %v, want %v %v", got.DType, got.Shape, want.DType, want.Shape)
	}
	if !want.DType.IsFloat() {
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			return fmt.Errorf("%v, want %v", show(got), show(want))
		}
		return nil
	}
	tolerance := 1e-6
	if isHalf(want.DType) {
		tolerance = 4e-3
	}
	x, y := castTo(got, tensor.Float64), castTo(want, tensor.Float64)
	for i, w := range tensor.Slice[float64](y) {
		g := tensor.Slice[float64](x)[i]
		if g == w || g != g && w != w || math.Abs(g-w) <= tolerance*math.Abs(w) && !math.IsInf(w, 0) {
			continue
		}
		return fmt.Errorf("%v, want %v", show(got), show(want))
	}
	return nil
}

func show(t *tensor.Tensor) any {
	if t.DType.IsFloat() {
		return tensor.Slice[float64](castTo(t, tensor.Float64))
	}
	return castTo(t, tensor.Int64).Int64s()
}

// of is a vector of numbers of type d.
func of(d tensor.DType, v ...float64) *tensor.Tensor {
	return castTo(tensor.Of(v, len(v)), d)
}

func f32(v ...float64) *tensor.Tensor { return of(tensor.Float32, v...) }

func bools(v ...float64) *tensor.Tensor { return of(tensor.Bool, v...) }

// scalar is the first element of a vector.
func scalar(v *tensor.Tensor) *tensor.Tensor { return v.Reshape() }

func args(v ...*tensor.Tensor) []*tensor.Tensor { return v }

// iota32 is 0, 1, 2... in the given shape.
func iota32(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(i)
	}
	return t
}

var (
	inf = math.Inf(1)
	nan = math.NaN()
)
