package compress

import (
	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// LayerReport says what became of one weight.
type LayerReport struct {
	Name    string  `json:"name"` // of the weight
	Node    string  `json:"node"`
	Kind    Kind    `json:"kind"`
	Shape   []int   `json:"shape"`
	Storage Storage `json:"storage"`
	D       int     `json:"d,omitempty"` // block size
	K       int     `json:"k,omitempty"` // codewords; fewer than planned if the weight has fewer different blocks
	Blocks  int     `json:"blocks,omitempty"`
	// Codewords is the precision of the codewords, which may differ from what was asked for.
	Codewords Codewords `json:"codeword_type"`
	// InBytes and OutBytes are the storage of the weight as float32 and after.
	InBytes  int `json:"in_bytes"`
	OutBytes int `json:"out_bytes"`
	// BitsPerWeight is 8 OutBytes / weights.
	BitsPerWeight float64 `json:"bits_per_weight"`
	// WeightError is |W' - W| / |W|.
	WeightError float64 `json:"weight_error"`
	// OutputError is the root of the squared error of the layer's outputs over
	// their variance on the calibration data, for the inputs that the
	// compressed network gives the layer; without the error's mean per channel
	// if Options.Correction takes that out. 0 for outputs without variance.
	OutputError float64 `json:"output_error"`
	Exact       bool    `json:"exact,omitempty"` // the blocks were codewords already
	Iterations  int     `json:"iterations,omitempty"`
	Seconds     float64 `json:"seconds"`
}

// Report says what became of a network.
type Report struct {
	Layers []LayerReport `json:"layers"`
	// InBytes and OutBytes are the sizes of all constants before and after.
	InBytes  int     `json:"in_bytes"`
	OutBytes int     `json:"out_bytes"`
	Weights  int     `json:"weights"` // numbers in the layers listed
	Seconds  float64 `json:"seconds"`
}

// Ratio is InBytes / OutBytes.
func (r *Report) Ratio() float64 { return float64(r.InBytes) / float64(max(r.OutBytes, 1)) }

// BitsPerWeight is the mean over the layers listed.
func (r *Report) BitsPerWeight() float64 {
	bytes := 0
	for _, l := range r.Layers {
		bytes += l.OutBytes
	}
	return 8 * float64(bytes) / float64(max(r.Weights, 1))
}

// Sizes reports what Run would make of g, without calibration data: errors and
// times are zero, and K is an upper bound.
func Sizes(g *graph.Graph, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	n, layers, err := newNetwork(g, &o)
	if err != nil {
		return nil, err
	}
	r := &Report{InBytes: constBytes(g)}
	for _, l := range layers {
		r.Layers = append(r.Layers, l.report(&o))
		r.Weights += l.weights()
	}
	if err := n.placeholders(layers, &o); err != nil {
		return nil, err
	}
	r.OutBytes = constBytes(n.graph)
	return r, nil
}

// Template is g as Run would store it, with zeros for codes and codewords: a
// graph of the same size but for what Run notes in its metadata.
func Template(g *graph.Graph, o Options) (*graph.Graph, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	n, layers, err := newNetwork(g, &o)
	if err != nil {
		return nil, err
	}
	if err := n.placeholders(layers, &o); err != nil {
		return nil, err
	}
	return n.graph, o.compact(n.graph)
}

// placeholders stores zeros of the sizes that the layers will have.
func (n *network) placeholders(layers []*layer, o *Options) error {
	for _, l := range layers {
		if err := n.placeholder(l, o); err != nil {
			return err
		}
	}
	o.lighten(n.graph)
	return nil
}

// placeholder stores zeros of the size that l will have.
func (n *network) placeholder(l *layer, o *Options) error {
	switch l.storage {
	case Float16:
		setHalf(n.graph, l.name, toHalf(n.consts[l.name]))
	case Quantised:
		s := &clusters{words: make([]float32, l.k*l.d), codes: make([]uint16, l.weights()/l.d)}
		if o.Share && l.pool == nil {
			l.mark(s.words)
		}
		s.scale = o.Codewords.round(s.words, nil)
		return n.graph.AddCodebook(l.codebook(s, o.Codewords))
	}
	return nil
}

// mark makes words different from those of all other layers, and exact in all
// precisions.
func (l *layer) mark(words []float32) {
	words[0] = 64
	for i, at := 1, l.at; i < len(words) && at > 0; i, at = i+1, at/64 {
		words[i] = float32(at % 64)
	}
}

// constBytes is the size of all initializers and Constant nodes.
func constBytes(g *graph.Graph) int {
	sum := 0
	for _, t := range g.Consts {
		sum += len(t.Bytes())
	}
	for _, n := range g.Nodes {
		if a, ok := n.Attr("value"); ok && n.Op == "Constant" && a.Tensor != nil {
			sum += len(a.Tensor.Bytes())
		}
	}
	return sum
}

// report is what is known of l before it is quantised.
func (l *layer) report(o *Options) LayerReport {
	r := LayerReport{
		Name: l.name, Node: l.node.Name, Kind: l.kind, Shape: l.shape, Storage: l.storage,
		InBytes: 4 * l.weights(), D: l.d, K: l.k,
	}
	switch l.storage {
	case Quantised:
		r.Blocks, r.Codewords = l.blocks(), o.Codewords
		r.OutBytes = l.bytes(l.k, o.Codewords)
		if l.pool != nil && l.pool.layers[0] != l {
			r.OutBytes -= o.Codewords.bytes(l.k * l.d) // counted with the first
		}
	case Float16:
		r.OutBytes = 2 * l.weights()
	default:
		r.OutBytes = r.InBytes
	}
	r.BitsPerWeight = 8 * float64(r.OutBytes) / float64(l.weights())
	return r
}

// bytes is the storage of l with k codewords.
func (l *layer) bytes(k int, words Codewords) int {
	c := graph.Codebook{K: k, Codes: make([]uint16, l.weights()/l.d), Words: tensor.New(tensor.Float16, 0)}
	return c.Bytes() + words.bytes(k*l.d)
}

// quantised completes the row of layer l.
func (r *LayerReport) quantised(l *layer, f *finished) {
	c := f.codebook
	r.K, r.OutBytes, r.Codewords = c.K, c.Bytes(), precision(c)
	if l.pool != nil && l.pool.layers[0] != l {
		r.OutBytes -= len(c.Words.Bytes()) // counted with the first
	}
	r.BitsPerWeight = 8 * float64(r.OutBytes) / float64(l.weights())
	r.WeightError, r.OutputError = f.WeightError, f.OutputError
	r.Iterations, r.Exact = f.Iterations, f.Exact
}
