package engine

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

var netInput = tensor.Shape{1, 3, 32, 32}

// residualNet is a small residual network with a branch, a concatenation, a
// depthwise layer and a codebook.
func residualNet(seed uint64) *net {
	n := newNet(seed, netInput)
	pad := graph.IntsAttr("pads", 1, 1, 1, 1)
	x := n.relu(n.norm(n.conv("x0", n.weight(16, 3, 3, 3), pad), 16))
	for range 3 {
		y := n.relu(n.norm(n.conv(x, n.weight(16, 16, 3, 3), pad), 16))
		y = n.norm(n.conv(y, n.codebook(64, 9, []int{0, 1, 2, 3}, 16, 16, 3, 3), pad), 16)
		x = n.relu(n.node("Add", []string{y, x}))
	}
	y := n.conv(x, n.weight(16, 1, 3, 3), pad, graph.IntAttr("group", 16))
	x = n.node("Concat", []string{x, y}, graph.IntAttr("axis", 1))
	x = n.node("Flatten", []string{n.node("GlobalAveragePool", []string{x})})
	n.output(n.node("Gemm", []string{x, n.weight(10, 32), n.weight(10)}, graph.IntAttr("transB", 1)))
	return n
}

func compile(t testing.TB, g *graph.Graph, o Options, shape tensor.Shape) (*Model, *Plan) {
	t.Helper()
	m, err := Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Plan(map[string]tensor.Shape{"x0": shape}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

func TestResidualNet(t *testing.T) {
	n := residualNet(1)
	check(t, n.g, n.inputs(netInput))
	check(t, n.g, n.inputs(tensor.Shape{5, 3, 32, 32}))
}

// TestManySessions runs plans of several shapes in many sessions of one model
// at the same time; a plan is first made while others run.
func TestManySessions(t *testing.T) {
	n := residualNet(2)
	m, err := Compile(n.g, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	var in, want [3]map[string]*tensor.Tensor
	out := n.g.Outputs[0].Name
	for i := range in {
		in[i] = n.inputs(tensor.Shape{i + 1, 3, 32, 32})
		want[i] = evalReference(t, n.g, in[i], []string{out})
	}
	var group sync.WaitGroup
	for worker := range 6 {
		group.Go(func() {
			s := m.NewSession()
			for i := range 12 {
				j := (worker + i) % 3
				p, err := m.Plan(map[string]tensor.Shape{"x0": in[j]["x0"].Shape}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := s.Run(context.Background(), p, in[j])
				if err != nil {
					t.Error(err)
					return
				}
				if e := maxError(got[out], want[j][out]); e > tolerance {
					t.Errorf("session %d, run %d: error %g", worker, i, e)
				}
			}
		})
	}
	group.Wait()
}

// TestCancel ends the context from inside the run: an operator in the middle
// of the plan cancels it, and no later step may run.
func TestCancel(t *testing.T) {
	for _, threads := range []int{1, 3} {
		n := residualNet(3)
		m, p := compile(t, n.g, Options{Threads: threads}, netInput)
		ctx, cancel := context.WithCancel(context.Background())
		half := len(p.stages) / 2
		broken := *p
		broken.stages = append([]stage(nil), p.stages...)
		broken.stages[half] = stage{units: 1, run: func(*thread, int) error {
			cancel()
			return nil
		}}
		ran := false
		broken.stages[len(p.stages)-1].run = func(*thread, int) error { ran = true; return nil }
		if _, err := m.NewSession().Run(ctx, &broken, n.inputs(netInput)); !errors.Is(err, context.Canceled) {
			t.Errorf("%d threads: error %v", threads, err)
		}
		if ran {
			t.Errorf("%d threads: the last step ran", threads)
		}
		if _, err := m.NewSession().Run(ctx, p, n.inputs(netInput)); !errors.Is(err, context.Canceled) {
			t.Errorf("%d threads, context ended before: error %v", threads, err)
		}
	}
}

// TestStepError returns the error of a step, whatever thread runs it.
func TestStepError(t *testing.T) {
	n := residualNet(4)
	m, p := compile(t, n.g, Options{Threads: 3}, netInput)
	boom := errors.New("boom")
	broken := *p
	broken.stages = append([]stage(nil), p.stages...)
	broken.stages[4] = stage{units: 7, run: func(_ *thread, u int) error {
		if u == 5 {
			return boom
		}
		return nil
	}}
	if _, err := m.NewSession().Run(context.Background(), &broken, n.inputs(netInput)); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
}

func TestRunInto(t *testing.T) {
	n := residualNet(5)
	m, p := compile(t, n.g, Options{Threads: 1}, netInput)
	in, name := n.inputs(netInput), n.g.Outputs[0].Name
	s := m.NewSession()
	first, err := s.Run(context.Background(), p, in)
	if err != nil {
		t.Fatal(err)
	}
	mine := tensor.New(tensor.Float32, 1, 10)
	second, err := s.RunInto(context.Background(), p, in, map[string]*tensor.Tensor{name: mine})
	if err != nil {
		t.Fatal(err)
	}
	if second[name] != mine {
		t.Error("the caller's tensor was not used")
	}
	if maxError(mine, first[name]) != 0 {
		t.Error("another result")
	}
}

func TestRefusedInputs(t *testing.T) {
	n := residualNet(6)
	m, p := compile(t, n.g, Options{Threads: 1}, netInput)
	s := m.NewSession()
	for want, in := range map[string]map[string]*tensor.Tensor{
		"none":            nil,
		"float32 2x3x4x4": {"x0": tensor.New(tensor.Float32, 2, 3, 4, 4)},
		"int8 1x3x32x32":  {"x0": tensor.New(tensor.Int8, 1, 3, 32, 32)},
	} {
		var fe *safe.FormatError
		if _, err := s.Run(context.Background(), p, in); !errors.As(err, &fe) || fe.Found != want {
			t.Errorf("error %v, want %q found", err, want)
		}
	}
	if _, err := m.Plan(map[string]tensor.Shape{"nobody": {1}}, nil); err == nil {
		t.Error("an unknown input was planned")
	}
	if _, err := m.Plan(map[string]tensor.Shape{"x0": {1 << 40, 3, 32, 32}}, nil); err == nil {
		t.Error("an absurd batch was planned")
	}
	if _, err := m.Plan(map[string]tensor.Shape{"x0": netInput}, []string{"nothing"}); err == nil {
		t.Error("an unknown output was planned")
	}
	bad := kernel.Level(200)
	if _, err := Compile(n.g, Options{Level: &bad}); err == nil {
		t.Error("an unsupported level was compiled")
	}
}

// TestReleasedWeights plans a second shape after the dense weights are gone
// from the model, and leaves the caller's graph alone.
func TestReleasedWeights(t *testing.T) {
	n := residualNet(7)
	before := len(n.g.Consts)
	m, _ := compile(t, n.g, Options{Threads: 1}, netInput)
	if len(n.g.Consts) != before {
		t.Error("the caller's graph lost constants")
	}
	for name, w := range m.graph.Consts {
		if len(w.Shape) == 4 && w.DType == tensor.Float32 {
			t.Errorf("dense weight %s is still held", name)
		}
	}
	packed := len(m.packed)
	in := n.inputs(tensor.Shape{2, 3, 32, 32})
	p, err := m.Plan(map[string]tensor.Shape{"x0": {2, 3, 32, 32}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.packed) != packed {
		t.Error("weights were packed again")
	}
	got, err := m.NewSession().Run(context.Background(), p, in)
	if err != nil {
		t.Fatal(err)
	}
	name := n.g.Outputs[0].Name
	if e := maxError(got[name], evalReference(t, n.g, in, []string{name})[name]); e > tolerance {
		t.Errorf("error %g", e)
	}
}

// TestDegenerate asks for constants, inputs and one value twice, and runs an
// empty batch.
func TestDegenerate(t *testing.T) {
	in := tensor.Shape{1, 4, 6, 6}
	n := newNet(11, in)
	w := n.weight(3, 4, 1, 1)
	y := n.conv("x0", w)
	a, b := n.node("Identity", []string{y}), n.node("Identity", []string{y})
	k := n.node("Identity", []string{n.weight(2, 2)})
	g := n.output(a, b, y, k, "x0")
	check(t, g, n.inputs(in))
	m, _ := compile(t, g, Options{Threads: 1}, in)
	if _, err := m.Plan(map[string]tensor.Shape{"x0": in}, []string{w}); err == nil {
		t.Error("a packed weight was delivered")
	}
	empty := newNet(12, in)
	z := empty.relu(empty.node("Add", []string{"x0", "x0"}))
	check(t, empty.output(z), empty.inputs(tensor.Shape{0, 4, 6, 6}))
}

func TestPlanDescription(t *testing.T) {
	n := residualNet(8)
	m, p := compile(t, n.g, Options{Threads: 1}, netInput)
	info := p.Info()
	var macs int64
	for _, s := range info.Steps {
		macs += s.MACs
	}
	// 3x3 layers at 32x32: 3->16, six of 16->16, a depthwise one; 32->10 at the end.
	if want := int64(32*32*9*(3*16+6*16*16+16) + 320); macs != want || info.MACs != want {
		t.Errorf("%d MACs, in total %d, want %d", macs, info.MACs, want)
	}
	for _, want := range []string{"Conv+BatchNormalization+Add+Relu", "conv 3x3", "depthwise 3x3", "gemm", "nhwc+1,1,1,1"} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("the plan does not mention %q:\n%s", want, p)
		}
	}
	if again, _ := m.Plan(map[string]tensor.Shape{"x0": netInput}, nil); again != p {
		t.Error("the plan was made twice")
	}
	var sum int
	for _, s := range info.Steps {
		sum += s.Bytes
	}
	if info.ArenaBytes > sum/2 {
		t.Errorf("an arena of %d bytes for %d bytes of results: buffers are not reused", info.ArenaBytes, sum)
	}
}

func TestProfile(t *testing.T) {
	n := residualNet(9)
	m, p := compile(t, n.g, Options{Threads: 2}, netInput)
	s := m.NewSession()
	s.Timed(true)
	if _, err := s.Run(context.Background(), p, n.inputs(netInput)); err != nil {
		t.Fatal(err)
	}
	if len(s.Profile()) != len(p.Steps()) {
		t.Errorf("%d times for %d steps", len(s.Profile()), len(p.Steps()))
	}
}

// TestPoison makes sure that the test mode of the other tests sees a read of
// dead memory.
func TestPoison(t *testing.T) {
	n := residualNet(10)
	m, p := compile(t, n.g, Options{Threads: 1}, netInput)
	broken := *p
	broken.steps = append([]*step(nil), p.steps...)
	early := *broken.steps[1]
	early.dies = []int{early.info.Buffer}
	broken.steps[1] = &early
	s := m.NewSession()
	s.poison = true
	out, err := s.Run(context.Background(), &broken, n.inputs(netInput))
	if err != nil {
		t.Fatal(err)
	}
	if v := out[n.g.Outputs[0].Name].Float32s()[0]; !math.IsNaN(float64(v)) {
		t.Errorf("result %v from a buffer that was overwritten", v)
	}
}
