package graph

import (
	"testing"

	"pgregory.net/rapid"

	"lutra/internal/tensor"
)

// TestMoveProperty compares every operator that moves elements with its
// definition by index arithmetic.
func TestMoveProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := drawShape(r)
		a, shape, source := drawMove(r, s)
		d := rapid.SampledFrom([]tensor.DType{tensor.Uint16, tensor.Float16, tensor.Int32, tensor.Float64}).Draw(r, "type")
		a.in = append(args(castTo(iota32(s...), d)), a.in...)
		got, err := a.evaluate(1)
		if err != nil {
			r.Fatal(err)
		}
		if !got[0].Shape.Equal(shape) {
			r.Fatalf("%s %v of %v has shape %v, want %v", a.op, a.attrs, s, got[0].Shape, shape)
		}
		values := castTo(got[0], tensor.Int64).Int64s()
		for i, p := range positions(got[0].Shape) {
			want := int64(0)
			if q := source(p); q != nil {
				want = int64(offset(a.in[0], q))
			}
			if values[i] != want {
				r.Fatalf("%s %v of %v: element %v is %d, want %d", a.op, a.attrs, s, p, values[i], want)
			}
		}
	})
}

// drawMove draws such an operator on an input of shape s. It gives the shape of
// the result and, for a position in it, the position in the input, or nil for a 0.
func drawMove(r *rapid.T, s tensor.Shape) (application, tensor.Shape, func(p []int) []int) {
	out := s.Clone()
	draw := func(name string, low, high int) []int64 {
		v := make([]int64, len(s))
		for k := range v {
			v[k] = int64(rapid.IntRange(low, high).Draw(r, name))
		}
		return v
	}
	moved := func(f func(k, i int) int) func([]int) []int {
		return func(p []int) []int {
			q := make([]int, len(s))
			for k := range q {
				q[k] = f(k, p[k])
				if q[k] < 0 || q[k] >= s[k] {
					return nil
				}
			}
			return q
		}
	}
	switch rapid.SampledFrom([]string{"Transpose", "Tile", "Slice", "Pad", "Gather", "Expand"}).Draw(r, "op") {
	case "Transpose":
		axes := make([]int, len(s))
		for k := range axes {
			axes[k] = k
		}
		perm := rapid.Permutation(axes).Draw(r, "perm")
		for k, a := range perm {
			out[k] = s[a]
		}
		return application{op: "Transpose", attrs: []Attr{IntsAttr("perm", int64s(perm)...)}}, out, func(p []int) []int {
			q := make([]int, len(s))
			for k, a := range perm {
				q[a] = p[k]
			}
			return q
		}
	case "Tile":
		repeats := draw("repeats", 0, 3)
		for k, n := range repeats {
			out[k] *= int(n)
		}
		return application{op: "Tile", in: args(vector(repeats...))}, out, moved(func(k, i int) int { return i % s[k] })
	case "Slice":
		return drawSlice(s, draw("starts", -6, 6), draw("ends", -6, 6), draw("steps", -3, 3), moved)
	case "Pad":
		before, after := draw("before", -1, 2), draw("after", 0, 2)
		for k, n := range s {
			before[k] = max(before[k], -int64(n))
			out[k] += int(before[k] + after[k])
		}
		return application{op: "Pad", in: args(vector(append(before, after...)...))}, out,
			moved(func(k, i int) int { return i - int(before[k]) })
	case "Gather":
		if s.Elems() == 0 || len(s) == 0 {
			break
		}
		axis := rapid.IntRange(0, len(s)-1).Draw(r, "axis")
		picks := rapid.SliceOfN(rapid.IntRange(-s[axis], s[axis]-1), 0, 5).Draw(r, "indices")
		out[axis] = len(picks)
		return application{op: "Gather", attrs: []Attr{IntAttr("axis", int64(axis))}, in: args(vector(int64s(picks)...))}, out,
			moved(func(k, i int) int {
				if k != axis {
					return i
				}
				return (picks[i] + s[k]) % s[k]
			})
	}
	// Expand: leading dimensions are added.
	lead := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 2).Draw(r, "lead")
	shape := append(int64s(lead), int64s(s)...)
	return application{op: "Expand", in: args(vector(shape...))}, append(lead, s...), func(p []int) []int { return p[len(lead):] }
}

// drawSlice is Slice along all axes. Which elements it takes is found by
// walking, as NumPy documents it, not by the formulas of the operator.
func drawSlice(s tensor.Shape, starts, ends, steps []int64, moved func(func(k, i int) int) func([]int) []int) (application, tensor.Shape, func([]int) []int) {
	axes, out := make([]int64, len(s)), make(tensor.Shape, len(s))
	taken := make([][]int, len(s))
	for k, n := range s {
		axes[k] = int64(k)
		if steps[k] == 0 {
			steps[k] = 1
		}
		start, end, step := int(starts[k]), int(ends[k]), int(steps[k])
		if start < 0 {
			start += n
		}
		if end < 0 {
			end += n
		}
		if start < 0 { // before the first element
			start = 0
			if step < 0 {
				start = -1
			}
		}
		if start >= n { // after the last element
			start = n
			if step < 0 {
				start = n - 1
			}
		}
		for i := start; i >= 0 && i < n && (step > 0 && i < end || step < 0 && i > end); i += step {
			taken[k] = append(taken[k], i)
		}
		out[k] = len(taken[k])
	}
	return application{op: "Slice", in: args(vector(starts...), vector(ends...), vector(axes...), vector(steps...))}, out,
		moved(func(k, i int) int { return taken[k][i] })
}
