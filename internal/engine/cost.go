package engine

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"lutra/internal/kernel"
	"lutra/internal/safe"
)

// UnitCosts are what a kind of kernel takes on one thread of one processor, in
// nanoseconds. The time of a step is their sum, each times what work counts.
type UnitCosts struct {
	Step    float64 `json:"step,omitempty"`   // to begin
	MAC     float64 `json:"mac,omitempty"`    // a multiplication, of padding too
	Lookup  float64 `json:"lookup,omitempty"` // adding a row of a table
	Decoded float64 `json:"decode,omitempty"` // decoding a weight
	Output  float64 `json:"output,omitempty"` // finishing a result
	Byte    float64 `json:"byte,omitempty"`   // moving a byte of operands, weights and results
}

// Costs are unit costs by instruction set and kind of kernel: its name without
// the size of its window. They predict times. Mode Auto chooses by them between
// arithmetics that all keep to the results; other modes do not depend on them.
type Costs map[string]map[string]UnitCosts

//go:embed costs.json
var defaultCosts []byte

// DefaultCosts were measured by MeasureCosts on an Intel Xeon (Granite Rapids)
// at about 3.2 GHz.
func DefaultCosts() (Costs, error) { return ParseCosts("embedded costs", defaultCosts) }

// ParseCosts reads the JSON form of Costs; name is used in messages.
func ParseCosts(name string, b []byte) (Costs, error) {
	var c Costs
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, safe.JSONError(name, "costs", err)
	}
	for level, kinds := range c {
		for kind, u := range kinds {
			for _, v := range u.vector() {
				if !(v >= 0 && v <= math.MaxFloat32) {
					return nil, &safe.FormatError{File: name, Where: level, Field: kind, Expected: "nanoseconds of at least 0", Found: fmt.Sprint(v)}
				}
			}
		}
	}
	return c, nil
}

// Add puts the costs of other into c, but for kinds that c has already:
// measured on one level, those are what several levels share.
func (c Costs) Add(other Costs) {
	for level, kinds := range other {
		if c[level] == nil {
			c[level] = map[string]UnitCosts{}
		}
		for kind, u := range kinds {
			if _, ok := c[level][kind]; !ok {
				c[level][kind] = u
			}
		}
	}
}

// counts is the length of the vectors that unit costs and work are.
const counts = 6

func (u UnitCosts) vector() [counts]float64 {
	return [counts]float64{u.Step, u.MAC, u.Lookup, u.Decoded, u.Output, u.Byte}
}

func unitCosts(v [counts]float64) UnitCosts { return UnitCosts{v[0], v[1], v[2], v[3], v[4], v[5]} }

// work is what a step does, in the units of UnitCosts.
type work struct {
	kind                                  string
	macs, lookups, decoded, output, bytes float64
	parallel                              int // units of the longest stage
}

func (w *work) vector() [counts]float64 {
	return [counts]float64{1, w.macs, w.lookups, w.decoded, w.output, w.bytes}
}

// otherKind stands for kinds of kernels that have no costs of their own.
const otherKind = "other"

// time predicts the nanoseconds of w on a number of threads; 0 if c does not
// tell. Fused has the costs of Generic where it has none.
func (c Costs) time(level string, w *work, threads int) float64 {
	kinds, ok := c[level]
	if !ok && level == kernel.Fused.String() {
		kinds = c[kernel.Generic.String()]
	}
	u, ok := kinds[w.kind]
	if !ok {
		u = kinds[otherKind]
	}
	return dot(u.vector(), w.vector()) / float64(max(1, min(threads, w.parallel)))
}

func dot(a, b [counts]float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// kindOf is the name of a kernel without the size of its window.
func kindOf(name string) string {
	words := strings.Fields(name)
	kept := words[:0]
	for _, w := range words {
		if w[0] < '0' || w[0] > '9' {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// work counts what o, which became s, does.
func (b *builder) work(o *op, s *step) work {
	info := &s.info
	w := work{kind: kindOf(info.Kernel), macs: float64(info.MACs), bytes: float64(info.WeightBytes)}
	for _, v := range o.in {
		if v != nil && v.konst == nil {
			w.bytes += float64(v.storage())
		}
	}
	for _, v := range o.out {
		w.bytes += float64(v.storage())
		w.output += float64(v.shape().Elems())
	}
	for _, st := range s.stages {
		w.parallel = max(w.parallel, st.units)
	}
	w.count(b, o, o.spec)
	info.Lookups = int64(w.lookups)
	return w
}

// count counts the multiplications, lookups and decoded weights of o as s.
func (w *work) count(b *builder, o *op, s spec) {
	switch x := s.(type) {
	case *convSpec:
		if !x.depthwise() {
			_, nr := b.level.TileSize()
			p := newPacking(x.groups, x.outC/x.groups, x.taps(), x.inC/x.groups, nr, false)
			w.product(p.panels()*p.depth()*nr, x.batch*x.outH*x.outW, b.passes(x.weight, o.in[0].storage()))
		}
	case *halfConvSpec:
		if !x.depthwise() {
			p := bytePacking{groups: x.groups, outputs: x.outC / x.groups, taps: x.taps(), inputs: x.inC / x.groups, perSegment: 1, align: b.level.AlignBF16()}
			w.product(p.panels()*p.depth()*byteCols, x.batch*x.outH*x.outW, b.passes(x.weight, 0))
		}
	case *byteConvSpec:
		if !x.depthwise() {
			p := x.product(b, o).packing
			w.product(p.panels()*p.depth()*byteCols, x.batch*x.outH*x.outW, b.passes(x.weight, 0))
		}
		w.twice(b, x.weight)
	case *gemmSpec:
		w.decoded = float64(b.passes(x.weight, 0) * x.k * x.n)
	case *halfGemmSpec:
		w.decoded = float64(b.passes(x.weight, 0) * x.k * x.n)
	case *byteGemmSpec:
		w.decoded = float64(b.passes(x.weight, 0) * x.k * x.n)
		w.twice(b, x.weight)
	case *tableConvSpec:
		t := b.tableWork(x)
		w.macs = float64(t.strips * kernel.Strip * t.words * t.d)
		w.lookups = float64(t.strips * t.lookups)
	}
}

// product counts the multiplications of padded weights with rows, and how many
// weights are decoded for that.
func (w *work) product(weights, rows, passes int) {
	w.macs = float64(weights) * float64(rows)
	w.decoded = float64(weights) * float64(passes)
}

// twice doubles what two planes do twice.
func (w *work) twice(b *builder, weight string) {
	if b.model.double[weight] {
		w.macs, w.decoded = 2*w.macs, 2*w.decoded
	}
}

// passes is how often the weight name is decoded, given the bytes of the
// inputs that pass over it a part at a time: never if it is not a codebook.
func (b *builder) passes(name string, bytes int) int {
	if b.model.forms[name] == nil {
		return 0
	}
	return max(1, ceilDiv(bytes, mostInputBytes))
}

// instructions names the instruction set that s uses: float32 kernels know no
// dot products of bytes.
func (b *builder) instructions(s spec) string {
	switch s.(type) {
	case byteSpec, halfSpec, *quantiseSpec, *dequantiseSpec, *roundSpec, *widenSpec:
		return b.level.String()
	}
	switch b.level {
	case kernel.VNNI, kernel.AMX:
		return kernel.AVX512.String()
	case kernel.AVXVNNI:
		return kernel.AVX2.String()
	}
	return b.level.String()
}
