package graph

import (
	"math"
	"strings"
	"testing"

	"lutra/internal/tensor"
)

var someQuantisers = []Quantiser{
	{Tanh: true, Levels: 2, Low: -1, High: 1},
	{Tanh: true, Levels: 32, Low: -1, High: 1},
	{Tanh: true, Levels: 255, Low: -1, High: 1},
	{Levels: 2, High: 1},
	{Levels: 32, High: 6},
	{Levels: 256, High: 0.37},
	{Levels: 17, Low: -2, High: 2},
	{Levels: 256, Low: -2.1179, High: 2.64},
}

// ramp is numbers around all plateaus of q, and extreme ones.
func (q Quantiser) ramp() *tensor.Tensor {
	x := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), 0, 1e-40, 1e30, -1e30}
	for i := range 10000 {
		x = append(x, q.Low-3+(q.span()+6)*float32(i)/10000)
	}
	return tensor.Of(x, len(x))
}

// quantised is y = q(x), for x of 10006 numbers.
func quantised(t *testing.T, q Quantiser) *Graph {
	t.Helper()
	g := net(tensor.Shape{10006})
	if err := g.AddQuantiser(q, "x", "y"); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestQuantiserBodies compares the definition of every quantiser with the body
// of its function, which other runtimes execute: they are equal to the bit.
func TestQuantiserBodies(t *testing.T) {
	for _, q := range someQuantisers {
		run := func(domain string) ([]float32, *Graph) {
			g := quantised(t, q)
			g.Nodes[0].Domain, g.Functions[0].Domain = domain, domain
			p, err := g.plan()
			if err != nil {
				t.Fatal(err)
			}
			out, err := p.Eval(map[string]*tensor.Tensor{"x": q.ramp()})
			if err != nil {
				t.Fatal(err)
			}
			return out["y"].Float32s(), g
		}
		got, kept := run(CodebookDomain)
		want, inlined := run("elsewhere") // a name that lutra does not know
		if len(kept.Nodes) != 1 || len(kept.Functions) != 1 || len(inlined.Nodes) < 5 || len(inlined.Functions) != 0 {
			t.Fatalf("%+v: %d nodes kept, %d inlined", q, len(kept.Nodes), len(inlined.Nodes))
		}
		seen := map[float32]bool{}
		for i, x := range q.ramp().Float32s() {
			if got[i] != want[i] {
				t.Errorf("%+v: %v is %v, body %v", q, x, got[i], want[i])
			}
			if v := q.Value(q.Index(x)); v != got[i] {
				t.Errorf("%+v: level %d of %v is %v, want %v", q, q.Index(x), x, v, got[i])
			}
			seen[got[i]] = true
		}
		if len(seen) != q.Levels {
			t.Errorf("%+v: %d levels", q, len(seen))
		}
	}
}

// TestQuantiserNearest checks that levels are evenly spaced, and the nearest is taken.
func TestQuantiserNearest(t *testing.T) {
	for _, q := range someQuantisers {
		step := float64(q.span()) / float64(q.Levels-1)
		for _, x := range q.ramp().Float32s() {
			y := math.Min(math.Max(float64(x), float64(q.Low)), float64(q.High))
			if q.Tanh {
				y = math.Tanh(float64(x))
			}
			if d := math.Abs(float64(q.Value(q.Index(x))) - y); d > step*0.5001 {
				t.Errorf("%+v: level of %v is %v steps away", q, x, d/step)
			}
		}
	}
	if q := (Quantiser{Levels: 4, High: 3}); q.Index(0.5) != 1 || q.Index(1.5) != 2 || q.Index(float32(math.NaN())) != 0 {
		t.Error("half-way numbers go to the higher level, NaN to level 0")
	}
}

// TestForeignQuantiser: a function of our name and another body is what its body says.
func TestForeignQuantiser(t *testing.T) {
	g := quantised(t, Quantiser{Levels: 3, High: 1})
	g.Functions[0].Nodes = []*Node{node("Neg", "x", "y")}
	p, err := g.plan()
	if err != nil {
		t.Fatal(err)
	}
	if p.Nodes[0].Op != "Neg" {
		t.Errorf("runs as %s", p.Nodes[0].Op)
	}
}

func TestQuantiserRefuses(t *testing.T) {
	for _, c := range []struct {
		q    Quantiser
		want string
	}{
		{Quantiser{Levels: 1, High: 1}, "levels"},
		{Quantiser{Levels: 257, High: 1}, "levels"},
		{Quantiser{Levels: 4}, "bounds"},
		{Quantiser{Levels: 4, Low: 1, High: 1}, "bounds"},
		{Quantiser{Levels: 4, Low: 1, High: float32(math.NaN())}, "bounds"},
		{Quantiser{Levels: 4, High: float32(math.Inf(1))}, "bounds"},
		{Quantiser{Levels: 4, High: 1e-45}, "bounds"},
	} {
		g := net(tensor.Shape{1})
		if err := g.AddQuantiser(c.q, "x", "y"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want an error about %s", c.q, err, c.want)
		}
		g.Nodes, g.Opsets["lutra"] = []*Node{c.q.Node("x", "y")}, 1
		if _, err := g.plan(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v in a file: %v, want an error about %s", c.q, err, c.want)
		}
	}
	if err := net(tensor.Shape{1}).opsetIs(11).AddQuantiser(Quantiser{Levels: 4, High: 1}, "x", "y"); err == nil {
		t.Error("opset 11: no error")
	}
}
