package compress

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Candidate is a way to store a layer, and what it costs.
type Candidate struct {
	Storage Storage `json:"storage"`
	D       int     `json:"d,omitempty"` // block size
	K       int     `json:"k,omitempty"` // codewords
	Bytes   int     `json:"bytes"`       // of the weight
	// OutputError is that of LayerReport, but for the inputs that the float
	// network gives the layer.
	OutputError float64 `json:"output_error"`
	// Damage is the squared error of the network's outputs over their variance
	// among the calibration samples, when this layer alone is stored so.
	Damage float64 `json:"damage"`
	// US is the predicted time of the layer in microseconds; 0: not asked for.
	US float64 `json:"us,omitempty"`
	// Usual says that Options alone would store the layer so.
	Usual bool `json:"usual,omitempty"`
}

// Sensitivity is what a network suffers from the ways to store one layer.
type Sensitivity struct {
	Name       string      `json:"name"` // of the weight
	Node       string      `json:"node"` // its name, or that of its output
	Kind       Kind        `json:"kind"`
	Shape      []int       `json:"shape"`
	Candidates []Candidate `json:"candidates"` // the largest first; one if Options leaves no choice
}

// sweepIterations bounds k-means while candidates are tried: the order of
// candidates shows long before the last codeword has come to rest.
const sweepIterations = 12

// While candidates are tried, codewords are found for so many sub-vectors of a
// layer, or for so many per codeword.
const (
	sampledVectors = 16384
	sampledPerWord = 32
)

// blockSizes are the blocks that are tried for each kind of layer, with as many
// codewords as the layer would get and with a quarter of them.
var blockSizes = [kinds][]int{
	Conv:      {3, 9, 18, 36},
	Pointwise: {2, 4, 8, 16},
	Linear:    {2, 4, 8, 16},
	Depthwise: {1, 3, 9},
}

// Sensitivities tries for every layer of g several block sizes, and half
// precision, one layer at a time, and measures what becomes of the outputs on
// the samples of src. Layers that o.Rules or o.First store in a given way have
// that as their only candidate. Candidates are solved under MetricPerBlock by a
// few iterations and their outputs' mean and spread restored: Run does better,
// by about the same factor everywhere.
func Sensitivities(ctx context.Context, g *graph.Graph, src Source, o Options) ([]Sensitivity, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if src == nil || src.Len() < 2 {
		return nil, fmt.Errorf("measuring sensitivity needs at least 2 calibration samples")
	}
	if o.Permute {
		var err error
		if g, err = Permute(ctx, g, o); err != nil {
			return nil, err
		}
	}
	net, layers, err := newNetwork(g, &o)
	if err != nil {
		return nil, err
	}
	o.Iterations, o.Tolerance = sweepIterations, 1e-3
	s := &sweep{job: &job{o: &o, net: net, layers: layers, stream: &stream{net: net, src: src, o: &o}, start: time.Now(), quick: true}, outputs: net.graphOutputs()}
	if err := s.reference(ctx); err != nil {
		return nil, err
	}
	all := make([]Sensitivity, len(layers))
	for i, l := range layers {
		s.current = i
		if all[i], err = s.layer(ctx, l); err != nil {
			return nil, fmt.Errorf("layer %q: %w", l.name, err)
		}
	}
	return all, nil
}

// sweep is a job that tries candidates.
type sweep struct {
	*job
	outputs  []string
	wanted   []map[string]*tensor.Tensor // outputs of the float network, per sample
	variance float64                     // sum over samples and elements
}

// graphOutputs are the outputs that depend on the input.
func (n *network) graphOutputs() []string {
	var names []string
	for _, v := range n.graph.Outputs {
		if n.consts[v.Name] == nil && n.types[v.Name].DType == tensor.Float32 {
			names = append(names, v.Name)
		}
	}
	return names
}

// reference computes the outputs of the float network.
func (s *sweep) reference(ctx context.Context) error {
	err := s.stream.run(ctx, len(s.net.nodes), s.outputs, false, func(_ int, values []map[string]*tensor.Tensor) error {
		s.wanted = append(s.wanted, values...)
		return nil
	})
	for _, name := range s.outputs {
		n := s.net.types[name].Shape.Elems()
		sum, sq := make([]float64, n), make([]float64, n)
		for _, v := range s.wanted {
			for i, y := range v[name].Float32s() {
				sum[i] += float64(y)
				sq[i] += float64(y) * float64(y)
			}
		}
		for i := range sum {
			s.variance += max(sq[i]-sum[i]*sum[i]/float64(len(s.wanted)), 0)
		}
	}
	if err == nil && s.variance == 0 {
		err = fmt.Errorf("the network's outputs are the same for all samples")
	}
	return err
}

// layer tries the candidates for l.
func (s *sweep) layer(ctx context.Context, l *layer) (Sensitivity, error) {
	r := Sensitivity{Name: l.name, Node: cmp.Or(l.node.Name, l.node.Outputs[0]), Kind: l.kind, Shape: l.shape}
	for _, c := range s.candidates(l) {
		if err := s.try(ctx, c); err != nil {
			return r, err
		}
		r.Candidates = append(r.Candidates, c.Candidate)
	}
	slices.SortStableFunc(r.Candidates, func(a, b Candidate) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return r, nil
}

// trial is a candidate at work.
type trial struct {
	Candidate
	l *layer
}

// candidates are the ways to store l.
func (s *sweep) candidates(l *layer) []*trial {
	row := l.report(s.o)
	all := []*trial{{Candidate{Storage: l.storage, D: row.D, K: row.K, Bytes: row.OutBytes, Usual: true}, l}}
	if l.storage != Quantised || l.ruled {
		return all
	}
	all = append(all, &trial{Candidate{Storage: Float16, Bytes: 2 * l.weights()}, l})
	for _, d := range blockSizes[l.kind] {
		for _, share := range []int{1, 4} {
			v := *l
			v.size(Spec{D: d, K: s.o.Specs[l.kind].K}, s.o.NoClamp)
			v.k /= share
			known := slices.ContainsFunc(all, func(t *trial) bool { return t.D == v.d && t.K == v.k })
			if v.storage == Quantised && v.k > 1 && !known {
				all = append(all, &trial{Candidate{Storage: Quantised, D: v.d, K: v.k, Bytes: v.bytes(v.k, s.o.Codewords)}, &v})
			}
		}
	}
	return all
}

// try measures t.
func (s *sweep) try(ctx context.Context, t *trial) error {
	weight := s.net.consts[t.l.name]
	decoded := weight
	switch t.Storage {
	case Float32:
		return nil
	case Float16:
		decoded = toHalf(weight).AsFloat32()
	default:
		var err error
		if decoded, err = s.solveQuickly(ctx, t.l, weight); err != nil {
			return err
		}
	}
	c, err := s.stream.compare(ctx, t.l, weight, decoded, s.progress("sensitivity"))
	if err != nil {
		return err
	}
	t.OutputError = c.relative(s.o.Correction != CorrectNone)
	t.Damage, err = s.damage(ctx, s.net.variant(t.l, decoded, c, s.o.Correction))
	return err
}

// solveQuickly is the weight of l, decoded from a codebook.
func (s *sweep) solveQuickly(ctx context.Context, l *layer, weight *tensor.Tensor) (*tensor.Tensor, error) {
	p := &problem{layer: l, weight: weight, x: l.split(weight.Float32s())}
	if err := p.recognise(ctx, s.o.Codewords); err != nil {
		return nil, err
	}
	mom, err := s.stream.moments(ctx, l, p.s != nil, s.progress("calibrate"))
	if err != nil {
		return nil, err
	}
	if p.s == nil {
		p.metric = metricOf(MetricPerBlock, mom, s.o.Correction != CorrectNone)
		if err := s.cluster(ctx, p); err != nil {
			return nil, err
		}
	}
	return l.multiply(l.codebook(p.s, s.o.Codewords).Decode(), p.gain), nil
}

// damage compares the outputs of a variant with those of the float network.
func (s *sweep) damage(ctx context.Context, variant *network) (float64, error) {
	v := *s.stream
	v.net = variant
	var sum float64
	err := v.run(ctx, len(variant.nodes), s.outputs, false, func(first int, values []map[string]*tensor.Tensor) error {
		for i, got := range values {
			for _, name := range s.outputs {
				want := s.wanted[first+i][name].Float32s()
				for j, y := range got[name].Float32s() {
					e := float64(y) - float64(want[j])
					sum += e * e
				}
			}
		}
		return nil
	})
	if math.IsNaN(sum) {
		sum = math.Inf(1)
	}
	return sum / s.variance, err
}

// variant is n with another weight for l, whose outputs c compares with the
// present ones; they are corrected as network.correct does, as far as l has a
// bias.
func (n *network) variant(l *layer, weight *tensor.Tensor, c *comparison, how Correction) *network {
	v := *n
	v.consts = maps.Clone(n.consts)
	v.consts[l.name] = weight
	if how == CorrectNone {
		return &v
	}
	factor, shift := l.restore(c.quantised, c.float, how)
	node := l.node
	if l.norm != nil {
		node = l.norm
		v.consts[l.name] = l.multiply(weight, factor)
		scale, variance, eps := n.consts[node.Inputs[1]].Float32s(), n.consts[node.Inputs[4]].Float32s(), float64(node.Float("epsilon", 1e-5))
		for o := range shift {
			shift[o] *= float64(scale[o]) / math.Sqrt(float64(variance[o])+eps)
		}
	}
	v.shiftBias(node, shift)
	return &v
}

// shiftBias adds shift to input 2 of node, its bias, if it has a constant one.
func (n *network) shiftBias(node *graph.Node, shift []float64) {
	if len(node.Inputs) < 3 || n.consts[node.Inputs[2]] == nil || n.consts[node.Inputs[2]].Elems() != len(shift) {
		return
	}
	moved := n.consts[node.Inputs[2]].Clone()
	for o, s := range shift {
		moved.Float32s()[o] += float32(s)
	}
	own := *node
	own.Inputs = slices.Clone(node.Inputs)
	own.Inputs[2] = "lutra.variant.bias"
	n.consts[own.Inputs[2]] = moved
	n.nodes = slices.Clone(n.nodes)
	n.nodes[slices.Index(n.nodes, node)] = &own
}

// Rule stores the layer of s as c says.
func (s *Sensitivity) Rule(c Candidate) Rule {
	return Rule{Pattern: "/^" + regexp.QuoteMeta(s.Name) + "$/", D: c.D, K: c.K, Storage: c.Storage}
}

// newRandom is the source of random numbers for the layer being worked on.
func (j *job) newRandom() *rand.Rand { return rand.New(rand.NewPCG(j.o.Seed, uint64(j.current))) }
