package engine

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Options of Compile. The zero value uses one thread per processor and the
// best instruction set of the machine.
type Options struct {
	Threads int           // per session; 0: runtime.GOMAXPROCS(0)
	Level   *kernel.Level // nil: kernel.Best()
	Mode    Mode
	// NoFusion compiles every node to a step of its own, to see inner values
	// or to check the fused plan against it.
	NoFusion bool
	Products Products
	// OnlyBytes keeps bfloat16 out of mode Auto, to see what a budget does.
	OnlyBytes bool
	Costs     Costs // for predicted times and what mode Auto chooses by them; nil: DefaultCosts
}

// Model is a validated graph together with its weights, packed for the kernels
// of one level when a plan first needs them. It is safe for concurrent use.
type Model struct {
	graph     *graph.Graph // own copy of the maps; weights leave it when packed
	level     kernel.Level
	threads   int
	mode      Mode
	ranges    map[string]graph.Range // of activations, where mode is Int8 or Auto
	budget    graph.Budget           // of mode Auto
	costs     Costs
	onlyBytes bool
	fuse      bool
	forms     map[string]*graph.Codebook // without their codes; see codebook
	fixed     map[string]bool            // values that do not depend on inputs or their shapes
	released  map[string]graph.Type

	mu     sync.Mutex
	plans  map[string]*Plan
	recent []string // keys of plans, the oldest first
	packed map[weightKey]weights
	bytes  map[byteKey]*byteWeights
	halves map[byteKey]*halfWeights
	double map[string]bool // weights in two planes of 8 bits
	noisy  map[string]bool // activations that 8 bits render too badly
	tables modelTables
	choice choice
}

// weightKey names packed weights: layouts of one weight differ by packing.
type weightKey struct {
	name    string
	packing packing
}

// Compile validates g and makes it ready for planning. The model shares g's
// tensors; it lets go of a dense weight once it is packed, so that dropping g
// leaves one copy in memory.
func Compile(g *graph.Graph, o Options) (*Model, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	own := *g
	own.Consts = maps.Clone(g.Consts)
	own.Inputs = slices.Clone(g.Inputs)
	m := &Model{
		graph: &own, level: kernel.Best(), threads: o.Threads, fuse: !o.NoFusion, costs: o.Costs, onlyBytes: o.OnlyBytes,
		forms: map[string]*graph.Codebook{}, released: map[string]graph.Type{},
		plans: map[string]*Plan{}, packed: map[weightKey]weights{}, bytes: map[byteKey]*byteWeights{}, halves: map[byteKey]*halfWeights{}, double: map[string]bool{}, noisy: map[string]bool{},
		tables: modelTables{o.Products, map[string]tableChoice{}, map[tableKey]*tableWeights{}},
	}
	if o.Level != nil {
		m.level = *o.Level
	}
	if !m.level.Supported() {
		return nil, fmt.Errorf("this machine does not support the instruction set %v", m.level)
	}
	if m.threads <= 0 {
		m.threads = runtime.GOMAXPROCS(0)
	}
	if err := m.setMode(o.Mode); err != nil {
		return nil, err
	}
	all, err := own.CodebookForms()
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		m.forms[c.Name] = c
	}
	m.fixed = inputFree(&own)
	return m, nil
}

// setMode chooses the arithmetic, which depends on the ranges in the file.
func (m *Model) setMode(mode Mode) (err error) {
	if mode == Float32 || mode == BF16 {
		m.mode = mode
		return nil
	}
	if m.ranges, err = m.graph.Ranges(); err != nil {
		return err
	}
	budget, ok, err := m.graph.Budget()
	if err != nil {
		return err
	}
	if m.budget = usualBudget; ok {
		m.budget = budget
	}
	switch {
	case m.ranges != nil:
		m.mode = mode
	case mode == Int8:
		return &safe.FormatError{
			File: m.graph.File, Field: graph.RangesKey, Expected: "ranges of activations for int8 arithmetic", Found: "none",
			Hint: "measure them with lutra calibrate",
		}
	}
	return nil
}

// codebook is the codebook weight name, nil if there is none. Its codes are read
// again whenever a weight is packed: twice the size of those in the file, they
// are not worth keeping.
func (m *Model) codebook(name string) *graph.Codebook {
	if m.forms[name] == nil {
		return nil
	}
	c, err := m.graph.Codebook(name)
	if err != nil {
		panic(err) // Compile has checked it
	}
	return c
}

// Mode is the arithmetic the model runs in: that of Options, or Float32 for
// Auto without ranges.
func (m *Model) Mode() Mode { return m.mode }

// inputFree is the set of values computed from constants alone.
func inputFree(g *graph.Graph) map[string]bool {
	fixed := map[string]bool{"": true}
	for name := range g.Consts {
		fixed[name] = true
	}
	for _, n := range g.Nodes {
		if !slices.ContainsFunc(n.Inputs, func(in string) bool { return !fixed[in] }) {
			for _, out := range n.Outputs {
				fixed[out] = true
			}
		}
	}
	return fixed
}

// maxPlans bounds the plans that are kept: each lists the rows of its products, and
// a process that serves images of all sizes is not to grow with each of them.
const maxPlans = 16

// Plan prepares the model for inputs of the given shapes, by name. outputs are
// the values to compute, any value of the graph, delivered in ONNX's layout;
// nil stands for the outputs of the graph. The last plans are kept.
func (m *Model) Plan(inputs map[string]tensor.Shape, outputs []string) (*Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := planKey(inputs, outputs)
	if p := m.plans[key]; p != nil {
		return p, nil
	}
	p, err := m.plan(inputs, outputs)
	if err != nil {
		return nil, err
	}
	m.plans[key] = p
	if m.recent = append(m.recent, key); len(m.recent) > maxPlans {
		delete(m.plans, m.recent[0])
		m.recent = slices.Delete(m.recent, 0, 1)
	}
	return p, nil
}

func planKey(inputs map[string]tensor.Shape, outputs []string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		fmt.Fprintf(&b, "%q %v ", name, inputs[name])
	}
	fmt.Fprintf(&b, "-> %q", outputs)
	return b.String()
}

func (m *Model) plan(inputs map[string]tensor.Shape, outputs []string) (*Plan, error) {
	types := maps.Clone(m.released)
	for _, v := range m.graph.Inputs {
		if s, ok := inputs[v.Name]; ok {
			types[v.Name] = graph.Type{DType: v.DType, Shape: s}
		}
	}
	for name := range inputs {
		if _, ok := types[name]; !ok {
			return nil, &safe.FormatError{File: m.graph.File, Where: fmt.Sprintf("input %q", name), Expected: "an input of the graph", Found: "no such input"}
		}
	}
	prog, err := m.graph.Specialize(types, outputs)
	if err != nil {
		return nil, err
	}
	m.collect(prog)
	prog.Inputs = slices.DeleteFunc(prog.Inputs, func(name string) bool { _, ok := m.released[name]; return ok })
	b := &builder{model: m, prog: prog, level: m.level, threads: m.threads, values: map[string]*value{}}
	if err := b.build(m.fuse); err != nil {
		return nil, err
	}
	return b.compile()
}

// collectAbove is the size of constants from which it pays to collect garbage
// before weights are packed: a reader has just dropped as many bytes of file.
const collectAbove = 8 << 20

// collect keeps the peak of memory at two copies of large weights: what a
// file was read into and what is packed.
func (m *Model) collect(p *graph.Program) {
	bytes := 0
	for _, t := range p.Consts {
		bytes += len(t.Bytes())
	}
	if bytes > collectAbove {
		runtime.GC()
	}
}

// weights packs the weight name as p says, or finds it packed already.
func (b *builder) weights(name string, p packing) (weights, error) {
	m := b.model
	key := weightKey{name, p}
	if w := m.packed[key]; w != nil {
		return w, nil
	}
	var w weights
	switch c, x := m.codebook(name), b.prog.Consts[name]; {
	case x == nil && c != nil && p.nr != 0:
		w = newCodebookPanels(c, p, m.level)
	case x == nil && c != nil:
		w = packDepthwise(c.Decode().Float32s(), p)
	case x == nil:
		return nil, fmt.Errorf("weight %q is packed in another layout and its dense form is gone", name)
	case p.nr != 0:
		w = packDense(x.Float32s(), p, m.level)
	default:
		w = packDepthwise(x.Float32s(), p)
	}
	if m.fixed[name] {
		m.packed[key] = w
	}
	return w, nil
}

// release drops the dense form of the weights that were packed and that
// nothing but one convolution or matrix product of the graph reads. Later
// plans know their type and find them packed.
func (m *Model) release() {
	readers := map[string]int{}
	for _, n := range m.graph.Nodes {
		for i, in := range n.Inputs {
			readers[in]++
			if i != 1 {
				readers[in]++ // not as a weight
			}
		}
	}
	drop := func(name string) {
		w := m.graph.Consts[name]
		if w == nil || readers[name] != 1 || m.isOutput(name) {
			return
		}
		t := graph.Type{DType: w.DType, Shape: w.Shape}
		delete(m.graph.Consts, name)
		m.released[name] = t
		m.graph.Inputs = append(m.graph.Inputs, graph.Value{Name: name, DType: t.DType, NoShape: true})
	}
	for key := range m.packed {
		drop(key.name)
	}
	for key := range m.halves {
		drop(key.name)
	}
	for key := range m.bytes {
		drop(key.name)
	}
	for key := range m.tables.packed {
		drop(key.name)
	}
}

func (m *Model) isOutput(name string) bool {
	return slices.ContainsFunc(m.graph.Outputs, func(v graph.Value) bool { return v.Name == name })
}
