package compress

import (
	"context"
	"math"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// channelStats accumulates the values of a layer's output channels.
type channelStats struct {
	N   int       `json:"n"`   // values per channel
	Sum []float64 `json:"sum"` // [channels]
	Sq  []float64 `json:"sq"`  // [channels] sums of squares
}

func newChannelStats(channels int) *channelStats {
	return &channelStats{Sum: make([]float64, channels), Sq: make([]float64, channels)}
}

func (c *channelStats) mean(i int) float64 { return c.Sum[i] / float64(max(c.N, 1)) }

func (c *channelStats) std(i int) float64 {
	m := c.mean(i)
	return math.Sqrt(max(c.Sq[i]/float64(max(c.N, 1))-m*m, 0))
}

// add takes in the output y of layer l for one sample.
func (c *channelStats) add(l *layer, y []float32) {
	channels := len(c.Sum)
	c.N += len(y) / channels
	if l.patches.channelsLast {
		for i, v := range y {
			c.Sum[i%channels] += float64(v)
			c.Sq[i%channels] += float64(v) * float64(v)
		}
		return
	}
	plane := l.patches.count()
	for i := 0; i < len(y); i += plane {
		var sum, sq float64
		for _, v := range y[i : i+plane] {
			sum += float64(v)
			sq += float64(v) * float64(v)
		}
		c.Sum[i/plane%channels] += sum
		c.Sq[i/plane%channels] += sq
	}
}

// merge adds d to c.
func (c *channelStats) merge(d *channelStats) {
	c.N += d.N
	addTo(c.Sum, d.Sum)
	addTo(c.Sq, d.Sq)
}

// targets are the statistics of the float network's layers, by weight name.
func (s *stream) targets(ctx context.Context, layers []*layer, done func(int)) (map[string]*channelStats, error) {
	stats := map[string]*channelStats{}
	var names []string
	for _, l := range layers {
		stats[l.name] = newChannelStats(l.outputs)
		names = append(names, l.node.Outputs[0])
	}
	err := s.run(ctx, len(s.net.nodes), names, false, func(first int, values []map[string]*tensor.Tensor) error {
		err := each(ctx, s.o.threads(), len(layers), func(i int) error {
			for _, v := range values {
				stats[layers[i].name].add(layers[i], v[names[i]].Float32s())
			}
			return nil
		})
		done(first + len(values))
		return err
	})
	return stats, err
}

// comparison is what quantising a layer does to its outputs, for the inputs
// that it gets from the quantised layers before it.
type comparison struct {
	float, quantised, err *channelStats // outputs, and their difference
}

// compare runs layer l with the weights float and quantised side by side.
func (s *stream) compare(ctx context.Context, l *layer, float, quantised *tensor.Tensor, done func(int)) (*comparison, error) {
	twins, err := s.twins(ctx, l, float, quantised)
	if err != nil {
		return nil, err
	}
	free := make(chan compute, len(twins))
	for _, t := range twins {
		free <- t
	}
	c := newComparison(l.outputs)
	input := l.node.Inputs[0]
	err = s.run(ctx, l.at, []string{input}, false, func(first int, values []map[string]*tensor.Tensor) error {
		parts := make([]*comparison, len(values))
		err := each(ctx, len(twins), len(values), func(j int) error {
			t := <-free
			defer func() { free <- t }()
			out, err := t(ctx, values[j])
			if err == nil {
				parts[j] = newComparison(l.outputs)
				parts[j].add(l, out["float"].Float32s(), out["quantised"].Float32s())
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range parts {
			c.merge(p)
		}
		done(first + len(values))
		return nil
	})
	return c, err
}

func newComparison(outputs int) *comparison {
	return &comparison{newChannelStats(outputs), newChannelStats(outputs), newChannelStats(outputs)}
}

// add takes in the outputs of layer l for one sample. It overwrites float.
func (c *comparison) add(l *layer, float, quantised []float32) {
	c.float.add(l, float)
	c.quantised.add(l, quantised)
	for i := range float {
		float[i] -= quantised[i]
	}
	c.err.add(l, float)
}

// merge adds d to c.
func (c *comparison) merge(d *comparison) {
	c.float.merge(d.float)
	c.quantised.merge(d.quantised)
	c.err.merge(d.err)
}

// relative is the root of the error's share of the outputs' variance; without
// the error's mean if that will be corrected.
func (c *comparison) relative(corrected bool) float64 {
	var err, all float64
	for i := range c.float.Sum {
		e := c.err.Sq[i] / float64(c.err.N)
		if corrected {
			e = c.err.std(i) * c.err.std(i)
		}
		err += e
		all += c.float.std(i) * c.float.std(i)
	}
	if err == 0 || all == 0 {
		return 0
	}
	return math.Sqrt(err / all)
}

// twins compiles the node of l twice, reading one input.
func (s *stream) twins(ctx context.Context, l *layer, float, quantised *tensor.Tensor) ([]compute, error) {
	sub := *s.net
	sub.consts = map[string]*tensor.Tensor{"float.weight": float, "quantised.weight": quantised}
	for _, in := range l.node.Inputs[2:] {
		if in != "" {
			sub.consts[in] = s.net.consts[in]
		}
	}
	sub.types = map[string]graph.Type{l.node.Inputs[0]: s.net.types[l.node.Inputs[0]]}
	var nodes []*graph.Node
	for _, name := range []string{"float", "quantised"} {
		n := *l.node
		n.Name = name
		n.Inputs = append([]string{n.Inputs[0], name + ".weight"}, n.Inputs[2:]...)
		n.Outputs = []string{name}
		nodes = append(nodes, &n)
		sub.types[name] = s.net.types[l.node.Outputs[0]]
	}
	return compile(ctx, sub.section(nodes, []string{"float", "quantised"}), s.o.threads(), s.o)
}
