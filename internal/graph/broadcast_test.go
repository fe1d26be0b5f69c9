package graph

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"lutra/internal/tensor"
)

// drawShape draws a small shape, of rank up to 4, whose dimensions may be 0.
func drawShape(r *rapid.T) tensor.Shape {
	rank := rapid.SampledFrom([]int{3, 2, 4, 1, 0}).Draw(r, "rank")
	dims := rapid.SampledFrom([]int{3, 2, 1, 4, 5, 2, 4, 0}) // mostly not empty
	return rapid.SliceOfN(dims, rank, rank).Draw(r, "shape")
}

// drawBroadcast draws a shape that broadcasts to s.
func drawBroadcast(r *rapid.T, s tensor.Shape) tensor.Shape {
	out := s[rapid.IntRange(0, len(s)).Draw(r, "missing"):].Clone()
	for k := range out {
		if rapid.Bool().Draw(r, "one") {
			out[k] = 1
		}
	}
	return out
}

// positions lists all index tuples of a shape, in row-major order.
func positions(s tensor.Shape) [][]int {
	all := [][]int{{}}
	for _, n := range s {
		var longer [][]int
		for _, p := range all {
			for i := range n {
				longer = append(longer, append(p[:len(p):len(p)], i))
			}
		}
		all = longer
	}
	return all
}

// offset is the place of the element of t that position p of a shape that t
// broadcasts to reads.
func offset(t *tensor.Tensor, p []int) int {
	at := 0
	for k, n := range t.Shape {
		at = at * n
		if n > 1 {
			at += p[len(p)-len(t.Shape)+k]
		}
	}
	return at
}

func TestBroadcastProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		full := drawShape(r)
		a, b := iota32(drawBroadcast(r, full)...), iota32(drawBroadcast(r, full)...)
		op := rapid.SampledFrom([]string{"Sub", "Div", "Mul", "Less", "Where", "Pow", "Sum"}).Draw(r, "op")
		in := args(a, b)
		want := map[string]func(x, y, z float64) float64{
			"Sub": func(x, y, _ float64) float64 { return x - y },
			"Div": func(x, y, _ float64) float64 { return x / y },
			"Mul": func(x, y, _ float64) float64 { return x * y },
			"Pow": func(x, y, _ float64) float64 { return math.Pow(x, y) },
			"Sum": func(x, y, z float64) float64 { return x + y + z },
			"Less": func(x, y, _ float64) float64 {
				return float64(truth(x < y))
			},
			"Where": func(x, y, z float64) float64 {
				if x != 0 {
					return y
				}
				return z
			},
		}[op]
		switch op {
		case "Where":
			in = args(castTo(a, tensor.Bool), b, iota32(drawBroadcast(r, full)...))
		case "Sum":
			in = append(in, iota32(drawBroadcast(r, full)...))
		}
		got, err := application{op: op, in: in}.evaluate(1)
		if err != nil {
			r.Fatal(err)
		}
		values := tensor.Slice[float64](castTo(got[0], tensor.Float64))
		var z *tensor.Tensor
		for i, p := range positions(got[0].Shape) {
			x := float64(castTo(in[0], tensor.Float32).Float32s()[offset(in[0], p)])
			y := float64(b.Float32s()[offset(b, p)])
			third := 0.0
			if len(in) > 2 {
				z = in[2]
				third = float64(z.Float32s()[offset(z, p)])
			}
			if w := float64(float32(want(x, y, third))); values[i] != w && w == w {
				r.Fatalf("%s of %v: element %v is %v, want %v", op, shapesOf(in), p, values[i], w)
			}
		}
	})
}

func shapesOf(in []*tensor.Tensor) string {
	text := ""
	for _, v := range in {
		text += fmt.Sprint(v.Shape, " ")
	}
	return text
}

// TestBroadcastAllocatesNothing covers the shapes that networks have: equal
// ones, a scalar, and one number per channel.
func TestBroadcastAllocatesNothing(t *testing.T) {
	for _, s := range []tensor.Shape{{2, 8, 4, 4}, {1}, {}} {
		c := &Call{
			Node: node("Add", "a b", "y"), Opset: 17,
			In:    []Type{{tensor.Float32, tensor.Shape{2, 8, 4, 4}}, {tensor.Float32, s}},
			Value: args(zeros(2, 8, 4, 4), zeros(s...)),
		}
		out := args(zeros(2, 8, 4, 4))
		if n := testing.AllocsPerRun(10, func() {
			if err := fold(floatArithmetic[float32])(c, out); err != nil {
				t.Fatal(err)
			}
		}); n > 1 { // the function that fold returns here
			t.Errorf("Add of %v: %v allocations", s, n)
		}
	}
}

func TestLoopsFuse(t *testing.T) {
	for _, c := range []struct {
		out, in     tensor.Shape
		rank, turns int
	}{
		{tensor.Shape{2, 3, 4}, tensor.Shape{2, 3, 4}, 1, 24},
		{tensor.Shape{2, 3, 4}, tensor.Shape{}, 1, 24},
		{tensor.Shape{2, 3, 4}, tensor.Shape{4}, 2, 4},
		{tensor.Shape{2, 3, 4, 5}, tensor.Shape{3, 1, 1}, 3, 20},
		{tensor.Shape{1, 3, 4, 5}, tensor.Shape{3, 1, 1}, 2, 20},
		{tensor.Shape{2, 3, 1, 1}, tensor.Shape{2, 3, 1, 1}, 1, 6},
	} {
		l := broadcastLoops(c.out, c.out, c.in)
		if l.rank != c.rank || l.inner() != c.turns {
			t.Errorf("%v with %v: %d loops, the innermost of %d, want %d, %d", c.out, c.in, l.rank, l.inner(), c.rank, c.turns)
		}
	}
}
