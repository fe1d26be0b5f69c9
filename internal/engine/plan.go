package engine

import (
	"slices"
	"strings"

	"lutra/internal/graph"
	"lutra/internal/kernel"
)

// Plan is a sequence of steps that computes the outputs of a model for inputs
// of fixed shapes. It is immutable and may be run by many sessions at once.
type Plan struct {
	level   kernel.Level
	threads int
	inputs  []port
	outputs []port
	steps   []*step
	keeps   []string // see Activations
	stages  []stage  // of all steps, in order
	buffers []buffer
	arena   int // bytes
	packed  int // bytes
	macs    int64
	costs   Costs // nil: DefaultCosts
}

// port is an input or output: its name, type and buffer.
type port struct {
	name string
	typ  graph.Type
	buf  int
}

// StepInfo describes one step of a plan.
type StepInfo struct {
	Nodes       []string `json:"nodes"`             // names of the nodes computed by this step, in order
	Weight      string   `json:"weight,omitempty"`  // value that holds the weights of the first node that has some
	Ops         string   `json:"ops"`               // their operators, "Conv+Add+Relu"
	Kernel      string   `json:"kernel"`            // what runs: "conv 3x3", "gemm", "reference Softmax"
	Level       string   `json:"level"`             // instruction set
	In          string   `json:"layout_in"`         // layout of the first operand
	Out         string   `json:"layout_out"`        // layout of the result
	Shape       string   `json:"shape"`             // of the result, in ONNX order
	MACs        int64    `json:"macs"`              // multiplications of convolutions and products
	Lookups     int64    `json:"lookups,omitempty"` // rows of tables that are added
	WeightBytes int      `json:"weight_bytes"`      // packed, or codes and codewords
	MovedBytes  int      `json:"moved_bytes"`       // of weights, operands and results
	// SNR is the quality of 8-bit weights in dB, of the first plane where there
	// are two; 0 for float32.
	SNR    float64 `json:"snr_db,omitempty"`
	Buffer int     `json:"buffer"`       // of the result
	Bytes  int     `json:"buffer_bytes"` // its size
	// PredictedUS is the time in microseconds that Costs predict, MeasuredUS the
	// least that was measured; 0: not known.
	PredictedUS float64 `json:"predicted_us"`
	MeasuredUS  float64 `json:"measured_us,omitempty"`
}

// Info is the printable form of a plan.
type Info struct {
	Steps       []StepInfo `json:"steps"`
	ArenaBytes  int        `json:"arena_bytes"`  // activations of one session
	WeightBytes int        `json:"weight_bytes"` // packed weights, shared by all sessions
	MACs        int64      `json:"macs"`
	Threads     int        `json:"threads"`
	PredictedUS float64    `json:"predicted_us"` // of all steps
	MeasuredUS  float64    `json:"measured_us,omitempty"`
}

// Info describes the plan.
func (p *Plan) Info() Info {
	info := Info{ArenaBytes: p.arena, WeightBytes: p.packed, MACs: p.macs, Threads: p.threads}
	costs := p.costs
	if costs == nil {
		costs, _ = DefaultCosts() // a test reads them
	}
	for _, s := range p.steps {
		n := s.info
		n.PredictedUS = costs.time(n.Level, &s.work, p.threads) / 1e3
		info.PredictedUS += n.PredictedUS
		info.Steps = append(info.Steps, n)
	}
	return info
}

// Steps describes the steps of the plan in order.
func (p *Plan) Steps() []StepInfo { return p.Info().Steps }

// Activations lists the float32 values of the graph that the plan keeps in
// memory: its inputs and the results of its steps, fused ones as a whole.
func (p *Plan) Activations() []string { return p.keeps }

// String is the plan as a table; see Info.
func (p *Plan) String() string { return p.Info().String() }

// compile turns the ops into steps.
func (b *builder) compile() (*Plan, error) {
	b.assignBuffers()
	p := &Plan{level: b.level, threads: b.threads, costs: b.model.costs}
	for i, o := range b.ops {
		if o.out[0].view != nil {
			continue
		}
		s, err := o.spec.compile(b, o)
		if err != nil {
			return nil, err
		}
		b.describe(o, s)
		b.clearBorders(o, s)
		for j, f := range b.buffers {
			if f.place == inArena && f.last == i {
				s.dies = append(s.dies, j)
			}
		}
		p.steps = append(p.steps, s)
		p.stages = append(p.stages, s.stages...)
		p.packed += s.info.WeightBytes
		p.macs += s.info.MACs
	}
	var err error
	if p.arena, err = b.placeArena(); err != nil {
		return nil, err
	}
	for _, name := range b.prog.Inputs {
		v := b.values[name]
		p.inputs = append(p.inputs, port{name, v.typ, v.buf})
	}
	for _, o := range b.outputs {
		p.outputs = append(p.outputs, port{o.name, o.v.typ, o.v.root().buf})
	}
	p.buffers = b.buffers
	p.keeps = b.activations()
	b.model.release()
	return p, nil
}

// activations lists the names of the float32 values that the ops read and write.
func (b *builder) activations() []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, o := range b.ops {
		for _, v := range slices.Concat(o.in, o.out) {
			if v != nil && v.konst == nil && isFloat32(v) && !seen[v.name] {
				seen[v.name] = true
				names = append(names, v.name)
			}
		}
	}
	return names
}

// describe completes what compile has said about o.
func (b *builder) describe(o *op, s *step) {
	info := &s.info
	info.Nodes = []string{}
	var ops []string
	for _, n := range o.nodes {
		name := n.Name
		if info.Weight == "" && n.HasWeight() {
			info.Weight = n.Inputs[1]
		}
		switch {
		case name != "":
		case n.HasWeight():
			name = n.Inputs[1]
		case len(n.Outputs) > 0:
			name = n.Outputs[0]
		}
		info.Nodes = append(info.Nodes, name)
		ops = append(ops, n.Op)
	}
	info.Ops = strings.Join(ops, "+")
	out := o.out[0]
	if info.Level == "" {
		info.Level = b.instructions(o.spec)
	}
	info.Out = out.layoutText()
	info.In = info.Out
	if i := slices.IndexFunc(o.in, func(v *value) bool { return v != nil && v.konst == nil }); i >= 0 {
		info.In = o.in[i].layoutText()
	}
	info.Shape = out.shape().String()
	info.Buffer, info.Bytes = out.root().buf, out.storage()
	s.work = b.work(o, s)
	info.MovedBytes = int(s.work.bytes)
}

// clearBorders makes one more unit of the first stage of s zero the borders of
// the results.
func (b *builder) clearBorders(o *op, s *step) {
	for _, v := range o.out {
		if v.layout.plain || v.layout.border == (border{}) && !v.half {
			continue
		}
		m, first := v.image(), s.stages[0]
		s.stages[0] = stage{units: first.units + 1, run: func(t *thread, u int) error {
			switch {
			case u == first.units && v.quant != nil:
				fillBorder(m, t.bytes(v), v.quant.Zero)
				return nil
			case u == first.units && v.half:
				clearHalves(v, t.halves(v))
				return nil
			case u == first.units:
				fillBorder(m, t.floats(v), 0)
				return nil
			}
			return first.run(t, u)
		}}
	}
}
