package levels

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Observed are numbers above 0 that values of a network took on samples, by
// name and channel. Equalise sorts them.
type Observed map[string][][]float32

// Watched lists the values that Equalise wants to have observed.
func Watched(g *graph.Graph) []string {
	names := Unbounded(g)
	for _, n := range g.Nodes {
		if n.Domain == "" && slices.Contains(averages, n.Op) {
			names = append(names, n.Outputs[0])
		}
	}
	return names
}

// Equalise is g with rescaled channels between its layers: a rectifier commutes
// with a factor, which moves from the weights behind it to those in front
// (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
// Correction, 2019, section 4.1). The quantile share of channel c becomes
// proportional to its (1-power)th power, so that few levels serve all channels; with
// power 0 channels keep their relation. The quantile of a whole value becomes a power of
// two, so that layers can share a table of products (docs/lut.md), and that one
// with which weights, of layers of pairs and of others, are of like size
// everywhere. bounds are these powers, those that suit averages and
// sums that are added to others.
// Batch normalisations are folded. g is left alone.
func Equalise(g *graph.Graph, seen Observed, share, power float64) (h *graph.Graph, bounds map[string]float32, err error) {
	c := *g
	c.Nodes, c.Consts, c.ConstOrder = slices.Clone(g.Nodes), maps.Clone(g.Consts), slices.Clone(g.ConstOrder)
	e := &equaliser{g: &c, share: share, power: power, seen: seen, parent: map[string]string{}, classes: map[string]*class{}}
	if e.layers, err = Layers(&c); err != nil {
		return nil, nil, err
	}
	Absorb(e.layers, e.at)
	for i, l := range e.layers {
		if l.Norm != nil {
			e.layers[i] = fold(&c, l)
		}
	}
	e.unite()
	if err := e.measure(); err != nil {
		return nil, nil, err
	}
	e.balance()
	for _, l := range e.layers {
		if err := e.scale(l); err != nil {
			return nil, nil, err
		}
	}
	return &c, e.bounds(), c.Validate()
}

// equaliser gathers values that must have the same factors in classes.
type equaliser struct {
	g            *graph.Graph
	layers       []Layer
	share, power float64
	seen         Observed
	parent       map[string]string // union-find
	classes      map[string]*class // by root; none: its values stay as they are
	owned        map[string]bool   // constants that are copies
}

// class is a set of values whose channels have the same factors.
type class struct {
	factor   []float64 // of channels; then the quantile of the largest value is 1
	exponent int       // of two, times factor
	settled  bool
}

// at is a constant as float32 numbers, which may be changed.
func (e *equaliser) at(name string) []float32 {
	if !e.owned[name] {
		if e.owned == nil {
			e.owned = map[string]bool{}
		}
		c := e.g.Consts[name].AsFloat32()
		e.g.Consts[name], e.owned[name] = tensor.Of(slices.Clone(c.Float32s()), c.Shape...), true
	}
	return e.g.Consts[name].Float32s()
}

func (e *equaliser) root(name string) string {
	for e.parent[name] != "" {
		name = e.parent[name]
	}
	return name
}

func (e *equaliser) union(a, b string) {
	if a, b = e.root(a), e.root(b); a != b {
		e.parent[a] = b
	}
}

// class is that of a value; nil if its channels keep their numbers.
func (e *equaliser) class(name string) *class { return e.classes[e.root(name)] }

// unite finds the classes. "" is the class of values that must not change.
func (e *equaliser) unite() {
	const fixed = "\x00fixed"
	for _, v := range slices.Concat(e.g.Inputs, e.g.Outputs) {
		e.union(v.Name, fixed)
	}
	weights, readers := map[*graph.Node]bool{}, map[string]int{}
	for _, n := range e.g.Nodes {
		for _, x := range n.Inputs {
			readers[x]++
		}
	}
	for _, l := range e.layers {
		weights[l.Node] = true
		if readers[l.weight()] > 1 || readers[l.bias()] > 1 {
			e.union(l.Node.Inputs[0], fixed)
			e.union(l.Node.Outputs[0], fixed)
		}
	}
	for _, n := range e.g.Nodes {
		if weights[n] {
			continue
		}
		passes := n.Domain == "" && (n.Op == "Relu" || n.Op == "Add" || slices.Contains(keeps, n.Op) || slices.Contains(averages, n.Op))
		for i, x := range n.Inputs {
			constant := e.g.Consts[x] != nil
			switch {
			case x == "":
			case constant && (i == 0 || n.Op == "Add") && !e.bias(x) || !passes:
				e.union(n.Outputs[0], fixed)
				if !constant {
					e.union(x, fixed)
				}
			case !constant:
				e.union(x, n.Outputs[0])
			}
		}
	}
	still := e.root(fixed)
	for name := range e.seen {
		if r := e.root(name); r != still {
			e.classes[r] = &class{}
		}
	}
}

// bias reports whether a layer owns x as the bias that an Add behind it adds.
func (e *equaliser) bias(x string) bool {
	return slices.ContainsFunc(e.layers, func(l Layer) bool { return l.added == x })
}

// rectified lists the observed outputs of rectifiers, in the graph's order.
func (e *equaliser) rectified() []string {
	var names []string
	for _, n := range e.g.Nodes {
		if n.Domain == "" && n.Op == "Relu" && e.seen[n.Outputs[0]] != nil {
			names = append(names, n.Outputs[0])
		}
	}
	return names
}

// quantile is the number below which the share of all sorted numbers lies.
func quantile(v []float32, share float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return float64(v[int(float64(len(v)-1)*share)])
}

// measure finds the factors of channels.
func (e *equaliser) measure() error {
	peaks := map[*class][]float64{}
	for _, name := range e.rectified() {
		c := e.class(name)
		if c == nil {
			continue
		}
		if peaks[c] == nil {
			peaks[c] = make([]float64, len(e.seen[name]))
		}
		if len(peaks[c]) != len(e.seen[name]) {
			return &safe.FormatError{File: e.g.File, Where: fmt.Sprintf("value %q", name), Field: "channels", Expected: fmt.Sprint(len(peaks[c])), Found: fmt.Sprint(len(e.seen[name]))}
		}
		for i, v := range e.seen[name] {
			slices.Sort(v)
			peaks[c][i] = max(peaks[c][i], quantile(v, e.share))
		}
	}
	const least = 1e-3 // of the largest peak: channels that hardly ever speak
	for c, p := range peaks {
		floor := max(slices.Max(p)*least, math.SmallestNonzeroFloat32)
		for _, v := range p {
			c.factor = append(c.factor, math.Pow(max(v, floor), -e.power))
		}
	}
	tops := map[*class]float64{}
	for _, name := range e.rectified() {
		if c := e.class(name); c != nil {
			tops[c] = max(tops[c], quantile(e.scaled(name), e.share))
		}
	}
	for c, top := range tops {
		for i := range c.factor {
			c.factor[i] /= max(top, math.SmallestNonzeroFloat32)
		}
	}
	for r, c := range e.classes {
		if c.factor == nil { // no rectifier
			delete(e.classes, r)
		}
	}
	return nil
}

// scaled are the observed numbers of a value times its factors, sorted.
func (e *equaliser) scaled(name string) []float32 {
	var all []float32
	c := e.class(name)
	for i, v := range e.seen[name] {
		f := 1.0
		if c != nil {
			f = factor(c.factor, i, len(e.seen[name]))
		}
		for _, x := range v {
			all = append(all, float32(float64(x)*f))
		}
	}
	slices.Sort(all)
	return all
}

// balance chooses the exponents, from the last layer to the first: the weights of
// a layer become as large as the median layer of its kind has them without.
func (e *equaliser) balance() {
	var sizes [2][]float64 // of weights that are not paired, and paired
	kind := func(l Layer) int {
		if l.paired() {
			return 1
		}
		return 0
	}
	for _, l := range e.layers {
		sizes[kind(l)] = append(sizes[kind(l)], e.size(l))
	}
	var target [2]float64
	for i, s := range sizes {
		if slices.Sort(s); len(s) > 0 {
			target[i] = s[len(s)/2]
		}
	}
	for _, l := range slices.Backward(e.layers) {
		c := e.class(l.Node.Inputs[0])
		if size := e.size(l); c != nil && !c.settled && size > 0 && target[kind(l)] > 0 {
			c.exponent, c.settled = int(math.Round(math.Log2(size/target[kind(l)]))), true
		}
	}
}

// factors are what the outputs and the inputs of l are multiplied by; inputs has
// a factor for each of its channels, or none.
func (e *equaliser) factors(l Layer) (outputs, inputs []float64) {
	of := func(name string) []float64 {
		c := e.class(name)
		if c == nil {
			return nil
		}
		f := slices.Clone(c.factor)
		for i := range f {
			f[i] = math.Ldexp(f[i], c.exponent)
		}
		return f
	}
	return of(l.Node.Outputs[0]), of(l.Node.Inputs[0])
}

// each calls visit with every weight of l, its output, and its input of inputs.
func (l Layer) each(w []float32, visit func(w *float32, output, input, inputs int)) {
	row := len(w) / l.Outputs // inputs of an output, taps of a convolution included
	taps := row / l.inputs
	for i := range w {
		o, k := i/row, i%row
		if l.columns {
			o, k = i%l.Outputs, i/l.Outputs
		}
		visit(&w[i], o, o/(l.Outputs/l.groups)*l.inputs+k/taps, l.inputs*l.groups)
	}
}

// size is the root of the mean square of the weights of l with their factors.
func (e *equaliser) size(l Layer) float64 {
	outputs, inputs := e.factors(l)
	var sum float64
	w := e.at(l.weight())
	l.each(w, func(w *float32, o, i, n int) {
		v := float64(*w) * factor(outputs, o, l.Outputs) / factor(inputs, i, n)
		sum += v * v
	})
	return math.Sqrt(sum / float64(len(w)))
}

// factor is that of number i of n, which lie channel after channel.
func factor(f []float64, i, n int) float64 {
	if f == nil {
		return 1
	}
	return f[i*len(f)/n]
}

// scale multiplies weights and bias of l.
func (e *equaliser) scale(l Layer) error {
	outputs, inputs := e.factors(l)
	if outputs == nil && inputs == nil {
		return nil
	}
	if l.Node.Op == "Gemm" && (l.Node.Float("alpha", 1) != 1 || l.Node.Float("beta", 1) != 1 || l.Node.Int("transA", 0) != 0) {
		return &safe.FormatError{File: e.g.File, Where: l.Node.Label(), Field: "alpha, beta, transA", Expected: "1, 1 and 0", Found: "others"}
	}
	if outputs != nil && len(outputs) != l.Outputs || inputs != nil && l.inputs*l.groups%len(inputs) != 0 {
		return &safe.FormatError{File: e.g.File, Where: l.Node.Label(), Field: "channels", Expected: fmt.Sprintf("%d from %d", l.Outputs, l.inputs*l.groups), Found: fmt.Sprintf("%d from %d", len(outputs), len(inputs))}
	}
	l.each(e.at(l.weight()), func(w *float32, o, i, n int) {
		*w = float32(float64(*w) * factor(outputs, o, l.Outputs) / factor(inputs, i, n))
	})
	if name := l.bias(); name != "" && outputs != nil {
		for o, b := range e.at(name) {
			e.at(name)[o] = float32(float64(b) * outputs[o])
		}
	}
	return nil
}

// bounds are the new bounds of all observed values.
func (e *equaliser) bounds() map[string]float32 {
	bounds := map[string]float32{}
	for name := range e.seen {
		top := quantile(e.scaled(name), e.share)
		c := e.class(name)
		if c == nil {
			bounds[name] = float32(top)
			continue
		}
		if n := e.g.Producer(name); n.Op == "Relu" {
			top = 1
		} else if top > 0 {
			top = math.Exp2(math.Ceil(math.Log2(top)))
		}
		bounds[name] = float32(math.Ldexp(top, c.exponent))
	}
	return bounds
}
