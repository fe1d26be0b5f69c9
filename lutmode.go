package lutra

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/lut"
	"lutra/internal/safe"
)

// The modes of integer networks: lookup tables instead of products, for files
// whose activations and weights are quantised (docs/lut.md).
const (
	lutMode   = "lut"   // exact products: what floating point computes
	lut16Mode = "lut16" // products rounded to 16 bits: what emit-c's library computes
)

// lutModel is a Model in one of the modes of integer networks.
type lutModel struct {
	mode    string // "" in other modes
	compile sync.Once
	program *lut.Program
	failed  error
}

// Modes lists the values of Options.Mode, of which "" stands for the first.
func Modes() []string { return append(engine.Modes(), lutMode, lut16Mode) }

// CheckMode fails if name is not a value of Options.Mode.
func CheckMode(name string) error {
	if name != "" && !slices.Contains(Modes(), name) {
		return safe.Optionf("mode %q: expected one of %s", name, strings.Join(Modes(), ", "))
	}
	return nil
}

// cTables are the tables of emitted libraries: products of 16 bits, as many
// layers as can share one, pairs in blocks that the kernels of C need not divide.
func (m *Model) cTables() lut.Options { return lut.Options{Shared: true, Block: m.pairTaps()} }

// integers compiles the model as an integer network when it is first needed.
func (m *Model) integers() (*lut.Program, error) {
	m.lut.compile.Do(func() {
		o := lut.Options{Exact: true}
		if m.lut.mode == lut16Mode {
			o = m.cTables()
		}
		n, err := lut.Build(m.graph, o)
		if err != nil {
			m.lut.failed = err
			return
		}
		m.lut.program = n.Compile(m.level())
	})
	return m.lut.program, m.lut.failed
}

func (m *Model) threads() int {
	if m.options.Threads > 0 {
		return m.options.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// LUTMemory is what the weights of a network of lookup tables take: as stored,
// packed, and entropy-coded.
type LUTMemory = lut.Memory

// lutMemory is nil for graphs that are not networks of lookup tables.
func (m *Model) lutMemory() *LUTMemory {
	if !slices.ContainsFunc(m.graph.Nodes, (*graph.Node).IsQuantiser) {
		return nil
	}
	n, err := lut.Build(m.graph, lut.Options{}) // tables as C has them
	if err != nil {
		return nil
	}
	return n.Memory()
}

// lutPlan is Plan in the modes of integer networks.
func (m *Model) lutPlan() (*Plan, error) {
	p, err := m.integers()
	if err != nil {
		return nil, err
	}
	plan := &Plan{Info: engine.Info{Threads: m.threads()}}
	var text strings.Builder
	fmt.Fprintf(&text, "%-28s %-24s %-8s %-12s %14s %10s %5s %6s\n", "layer", "operation", "engine", "result", "lookups", "table", "shift", "block")
	var tables []int
	for _, s := range p.Steps() {
		plan.Info.Steps = append(plan.Info.Steps, engine.StepInfo{Nodes: []string{s.Layer}, Ops: s.Op, Kernel: s.Op, Level: s.Engine, Shape: s.Shape, MACs: s.MACs})
		plan.Info.MACs += s.MACs
		tables = append(tables, s.Table)
		fmt.Fprintf(&text, "%-28s %-24s %-8s %-12s %14d %10d %5d %6d\n", s.Layer, s.Op, s.Engine, s.Shape, s.MACs, s.Table, s.Shift, s.Block)
	}
	fmt.Fprintf(&text, "%d products looked up; largest table %d bytes\n", plan.Info.MACs, slices.Max(append(tables, 0)))
	plan.text = text.String()
	return plan, nil
}
