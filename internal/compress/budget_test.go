package compress

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lutra/internal/graph"
)

// sensitiveNet is a small network with every kind of layer.
func sensitiveNet() *graph.Graph {
	return newBuilder(3, 12, 12).conv("a", 16, 3, 3, true).relu().conv("b", 32, 16, 3, false).relu().conv("c", 32, 32, 1, true).relu().done(32, 12, 12)
}

func TestSensitivities(t *testing.T) {
	g := sensitiveNet()
	o := Small()
	o.Rules = []Rule{{Pattern: "c.weight", D: 4, K: 16}}
	all, err := Sensitivities(context.Background(), g, randomSamples(3, 8, 3*12*12), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || len(all[0].Candidates) != 1 || len(all[1].Candidates) < 6 || len(all[2].Candidates) != 1 {
		t.Fatalf("%+v", all)
	}
	if c := all[2].Candidates[0]; c.D != 4 || c.K != 16 {
		t.Errorf("a rule is not kept to: %+v", c)
	}
	for _, l := range all {
		if !slices.IsSortedFunc(l.Candidates, func(a, b Candidate) int { return b.Bytes - a.Bytes }) {
			t.Errorf("%s: candidates are not sorted: %+v", l.Name, l.Candidates)
		}
		for _, c := range l.Candidates {
			half := c.Storage == Float16
			if half && c.Damage > 1e-6 || !half && (c.Damage < 1e-4 || c.OutputError <= 0) {
				t.Errorf("%s: %+v", l.Name, c)
			}
		}
	}
	// Fewer numbers for the same weights cost more.
	b := all[1].Candidates
	if first, last := b[1], b[len(b)-1]; last.Damage < 2*first.Damage {
		t.Errorf("damage of %d bytes: %g, of %d bytes: %g", first.Bytes, first.Damage, last.Bytes, last.Damage)
	}
}

// TestVariant: a variant with the weight as it was does no damage, one with
// other statistics has them corrected.
func TestVariant(t *testing.T) {
	g := sensitiveNet()
	o := Small()
	net, layers, err := newNetwork(g, &o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	s := &sweep{job: &job{o: &o, net: net, layers: layers, stream: &stream{net: net, src: randomSamples(3, 8, 3*12*12), o: &o}}, outputs: net.graphOutputs()}
	if err := s.reference(ctx); err != nil {
		t.Fatal(err)
	}
	l := layers[1]
	weight := net.consts[l.name]
	scaled := l.multiply(weight, filledWith(0.6, l.outputs))
	c, err := s.stream.compare(ctx, l, weight, scaled, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for how, want := range map[Correction]float64{CorrectMeanStd: 0, CorrectNone: 0.05} {
		got, err := s.damage(ctx, net.variant(l, scaled, c, how))
		if err != nil || got > want+1e-9 && want == 0 || got < want {
			t.Errorf("%v: damage %g, %v; want %g", how, got, err, want)
		}
	}
}

func TestSensitivitiesRefuses(t *testing.T) {
	g := sensitiveNet()
	if _, err := Sensitivities(context.Background(), g, randomSamples(3, 1, 3*12*12), Small()); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Error(err)
	}
	same := randomSamples(3, 1, 3*12*12)
	if _, err := Sensitivities(context.Background(), g, samples{same[0], same[0]}, Small()); err == nil || !strings.Contains(err.Error(), "the same for all samples") {
		t.Error(err)
	}
}

// drawLayers draws layers with a few candidates each.
func drawLayers(t *rapid.T) []Sensitivity {
	all := make([]Sensitivity, rapid.IntRange(1, 4).Draw(t, "layers"))
	for i := range all {
		all[i].Name = string(rune('a' + i))
		for range rapid.IntRange(1, 4).Draw(t, "candidates") {
			all[i].Candidates = append(all[i].Candidates, Candidate{
				Bytes:  rapid.IntRange(1, 50).Draw(t, "bytes"),
				Damage: float64(rapid.IntRange(0, 1000).Draw(t, "damage")),
			})
		}
	}
	return all
}

// best is the least damage within budget, by trying all combinations.
func best(layers []Sensitivity, budget int) float64 {
	if budget < 0 {
		return math.Inf(1)
	}
	if len(layers) == 0 {
		return 0
	}
	least := math.Inf(1)
	for _, c := range layers[0].Candidates {
		least = min(least, c.Damage+best(layers[1:], budget-c.Bytes))
	}
	return least
}

// TestChoose: never above the budget, an error only where nothing fits, and as
// good as the relaxed problem allows: at most one step of one layer is lost.
func TestChoose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layers := drawLayers(t)
		budget := rapid.IntRange(0, 150).Draw(t, "budget")
		c, err := Choose(layers, Limits{Bytes: budget})
		least := best(layers, budget)
		if (err != nil) != math.IsInf(least, 1) {
			t.Fatalf("error %v, least damage %g", err, least)
		}
		if err != nil {
			return
		}
		bytes, damage, most := 0, 0.0, 0.0
		for i, p := range c.Picked {
			bytes += p.Bytes
			damage += p.Damage
			h := layers[i].Hull()
			most = max(most, h[0].Damage-h[len(h)-1].Damage)
		}
		if bytes != c.Bytes || bytes > budget || damage != c.Damage {
			t.Fatalf("%d bytes and damage %g, picked %d and %g", c.Bytes, c.Damage, bytes, damage)
		}
		if damage < least || damage > least+most {
			t.Fatalf("damage %g, least %g, most of a layer %g", damage, least, most)
		}
	})
}

// TestChooseInTime: within both limits, an error where no candidates are fast
// enough, and nothing better exists that is as fast and as small layer by layer.
func TestChooseInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layers := drawLayers(t)
		for _, l := range layers {
			for i := range l.Candidates {
				l.Candidates[i].US = float64(rapid.IntRange(1, 50).Draw(t, "us"))
			}
		}
		limits := Limits{Bytes: rapid.IntRange(1, 250).Draw(t, "bytes"), US: float64(rapid.IntRange(1, 250).Draw(t, "us"))}
		c, err := Choose(layers, limits)
		if err != nil {
			slow, ok := err.(*TooSlowError)
			if !ok || slow.Least != leastTime(layers) || limits.Bytes >= 200 && slow.Least <= limits.US {
				t.Fatalf("%v within %+v, the least time is %g", err, limits, leastTime(layers))
			}
			return
		}
		bytes, us := 0, 0.0
		for _, p := range c.Picked {
			bytes += p.Bytes
			us += p.US
		}
		if bytes != c.Bytes || math.Abs(us-c.US) > 1e-9 || bytes > limits.Bytes || us > limits.US+1e-9 {
			t.Fatalf("%d bytes and %g µs, picked %d and %g, within %+v", c.Bytes, c.US, bytes, us, limits)
		}
		for i, p := range c.Picked {
			for _, b := range layers[i].Candidates {
				if b.Damage < p.Damage && b.Bytes <= p.Bytes && b.US <= p.US {
					t.Fatalf("layer %d: picked %+v, not %+v", i, p, b)
				}
			}
		}
	})
}

// TestNear: of candidates, those that take about the usual bytes; layers
// without a usual one keep all.
func TestNear(t *testing.T) {
	layers := []Sensitivity{
		{Candidates: []Candidate{{Bytes: 99}, {Bytes: 80}, {Bytes: 40, Usual: true}, {Bytes: 20}, {Bytes: 19}}},
		{Candidates: []Candidate{{Bytes: 7}, {Bytes: 70}}},
	}
	for what, c := range map[string]struct {
		got  []Sensitivity
		want []int
	}{"near": {Near(layers), []int{80, 40, 20}}, "usual": {Usual(layers), []int{40}}} {
		var got []int
		for _, k := range c.got[0].Candidates {
			got = append(got, k.Bytes)
		}
		if !slices.Equal(got, c.want) || len(c.got[1].Candidates) != 2 {
			t.Errorf("%s: %v and %v, want %v", what, got, c.got[1].Candidates, c.want)
		}
	}
	if len(layers[0].Candidates) != 5 {
		t.Error("the layers were changed")
	}
}

// TestTrial: fewer numbers for the weights do more damage, and none with the
// weights as they were.
func TestTrial(t *testing.T) {
	g := sensitiveNet()
	src := randomSamples(3, 24, 3*12*12)
	var last float64
	for i, set := range []func(*Options){
		func(o *Options) { o.Rules = []Rule{{Pattern: "*", Storage: Float32}} },
		func(*Options) {},
		func(o *Options) { o.Specs[Conv] = Spec{36, 16}; o.Specs[Pointwise] = Spec{16, 8} },
	} {
		o := Small()
		o.Checkpoint = t.TempDir() // not to be used
		set(&o)
		damage, err := Trial(context.Background(), g, src, o)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && damage > 1e-9 || i > 0 && damage < 1.5*last {
			t.Errorf("damage %g, %g with more bytes", damage, last)
		}
		last = max(damage, 1e-3)
	}
}

// TestMock: as large as the result of Run, with codewords and codes in use.
func TestMock(t *testing.T) {
	g, o := testNet(), Small()
	o.Correction = CorrectNone // which gives layers biases
	mock, err := Mock(g, o)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := mustRun(t, g, randomSamples(1, 4, testInput), o)
	if a, b := constBytes(mock), constBytes(out); a != b {
		t.Errorf("%d bytes, want %d", a, b)
	}
	books, err := mock.Codebooks()
	if err != nil || len(books) != 7 {
		t.Fatalf("%d codebooks, %v", len(books), err)
	}
	for _, b := range books {
		used := map[uint16]bool{}
		for _, c := range b.Codes {
			used[c] = true
		}
		if len(used) < b.K/2 {
			t.Errorf("%s: %d of %d codewords in use", b.Name, len(used), b.K)
		}
	}
}

// TestChooseAlike: layers that all gain alike from more bytes are told apart.
func TestChooseAlike(t *testing.T) {
	layers := make([]Sensitivity, 4)
	for i := range layers {
		layers[i] = Sensitivity{Name: string(rune('a' + i)), Candidates: []Candidate{{Bytes: 30, US: 5}, {Bytes: 10, US: 10, Damage: 1}}}
	}
	c, err := Choose(layers, Limits{Bytes: 80, US: 30})
	if err != nil || c.Bytes != 80 || c.US != 30 || c.Damage != 2 {
		t.Errorf("%+v, %v; want two layers of each kind", c, err)
	}
}
