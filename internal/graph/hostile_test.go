package graph

import (
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"lutra/internal/tensor"
)

// TestHostileCalls applies every operator to tensors and attributes that fit it
// badly or not at all: shape rules may refuse them, but must not panic, nor
// let through what makes a definition panic.
func TestHostileCalls(t *testing.T) {
	for _, row := range Operators() {
		t.Run(row.Name, rapid.MakeCheck(func(r *rapid.T) {
			a := drawCall(r, &row)
			if got, err := a.evaluate(row.Out.Min); err == nil && len(got) != row.Out.Min {
				r.Fatalf("%d outputs, want %d", len(got), row.Out.Min)
			}
		}))
	}
}

func drawCall(r *rapid.T, row *Operator) application {
	a := application{op: row.Name, opset: rapid.Int64Range(max(row.Since, MinOpset), 24).Draw(r, "opset")}
	common := drawTensor(r) // most operators want several inputs alike
	most := row.In.Max
	if most < 0 {
		most = row.In.Min + 2
	}
	for i := range rapid.IntRange(row.In.Min, most).Draw(r, "inputs") {
		switch kind := rapid.IntRange(0, 5).Draw(r, "kind"); {
		case kind == 0 && i >= row.In.Min:
			a.in = append(a.in, nil)
		case kind < 3:
			a.in = append(a.in, drawTensor(r))
		default:
			a.in = append(a.in, common)
		}
	}
	names := slices.Sorted(maps.Keys(attrKinds))
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 16, rapid.ID[string]).Draw(r, "attributes") {
		a.attrs = append(a.attrs, drawAttr(r, row.Name, name))
	}
	return a
}

func drawTensor(r *rapid.T) *tensor.Tensor {
	d := rapid.SampledFrom([]tensor.DType{
		tensor.Float32, tensor.Int64, tensor.Float32, tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Int8, tensor.Bool, tensor.Float16,
	}).Draw(r, "type")
	rank := rapid.IntRange(0, 4).Draw(r, "rank")
	shape := rapid.SliceOfN(rapid.SampledFrom([]int{1, 2, 3, 4, 0}), rank, rank).Draw(r, "shape")
	t := tensor.New(tensor.Float64, shape...)
	for i := range tensor.Slice[float64](t) {
		tensor.Slice[float64](t)[i] = rapid.SampledFrom([]float64{0, 1, 2, 3, -1, -2, 4, 1e18, -1e19, inf, nan}).Draw(r, "value")
	}
	return castTo(t, d)
}

func drawAttr(r *rapid.T, op, name string) Attr {
	ints := rapid.SampledFrom([]int64{0, 1, 2, 3, -1, -2, 10, math.MaxInt64, math.MinInt64})
	floats := rapid.SampledFrom([]float32{0, 1, -1, 0.5, float32(inf), float32(nan)})
	kind := attrKinds[name]
	if k, ok := attrExceptions[op][name]; ok {
		kind = k
	}
	a := Attr{Name: name, Kind: kind}
	switch kind {
	case AttrInt:
		a.Int = ints.Draw(r, name)
	case AttrInts:
		a.Ints = rapid.SliceOfN(ints, 0, 4).Draw(r, name)
	case AttrFloat:
		a.Float = floats.Draw(r, name)
	case AttrFloats:
		a.Floats = rapid.SliceOfN(floats, 0, 3).Draw(r, name)
	case AttrString:
		a.Str = []byte(rapid.SampledFrom([]string{"", "reflect", "edge", "SAME_UPPER", "VALID", "linear", "cubic", "add", "tanh", "asymmetric"}).Draw(r, name))
	case AttrTensor:
		a.Tensor = drawTensor(r)
	}
	return a
}
