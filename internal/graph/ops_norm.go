package graph

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

var normOps = []Operator{
	{Name: "BatchNormalization", Since: 6, In: Arity{5, 5}, Out: Arity{1, 5},
		Infer: inferBatchNorm, Eval: floatEval(evalBatchNorm[float32], evalBatchNorm[float64]), Note: "training mode from version 14"},
	{Name: "InstanceNormalization", Since: 6, In: Arity{3, 3}, Out: Arity{1, 1},
		Infer: inferInstanceNorm, Eval: floatEval(evalInstanceNorm[float32], evalInstanceNorm[float64])},
	{Name: "GroupNormalization", Since: 18, In: Arity{3, 3}, Out: Arity{1, 1},
		Infer: inferGroupNorm, Eval: floatEval(evalGroupNorm[float32], evalGroupNorm[float64])},
	{Name: "LayerNormalization", Since: 17, In: Arity{2, 3}, Out: Arity{1, 3},
		Infer: inferLayerNorm, Eval: floatEval(evalLayerNorm[float32], evalLayerNorm[float64])},
	{Name: "MeanVarianceNormalization", Since: 9, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferMeanVariance, Eval: floatEval(evalMeanVariance[float32], evalMeanVariance[float64])},
	{Name: "LRN", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1}, Dense: true,
		Infer: inferLRN, Eval: floatEval(evalLRN[float32], evalLRN[float64])},
	{Name: "LpNormalization", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferLpNorm, Eval: floatEval(evalLpNorm[float32], evalLpNorm[float64]), Note: "p = 1 or 2"},
}

// channels is the number of channels of input 0, [N, C, ...].
func (c *Call) channels() (int, error) {
	s := c.In[0].Shape
	if len(s) < 2 {
		return 0, c.Errorf(c.inputName(0), "rank at least 2", ranked(s))
	}
	return s[1], nil
}

// epsilon demands a finite, not negative epsilon.
func (c *Call) epsilon() error {
	if e := c.Node.Float("epsilon", 1e-5); !(e >= 0) || math.IsInf(float64(e), 1) {
		return c.Errorf("epsilon", "a finite number, at least 0", fmt.Sprint(e))
	}
	return nil
}

func (c *Call) training() bool { return c.Opset >= 14 && c.Node.Int("training_mode", 0) != 0 }

func inferBatchNorm(c *Call) ([]Type, error) {
	if err := c.wantFloats(1, 2, 3, 4); err != nil {
		return nil, err
	}
	channels := 1
	if len(c.In[0].Shape) != 1 { // a vector is a batch of single values
		var err error
		if channels, err = c.channels(); err != nil {
			return nil, err
		}
	}
	for i := 1; i < 5; i++ {
		if err := c.wantShape(i, channels); err != nil {
			return nil, err
		}
	}
	if c.Opset < 9 && c.Node.Int("spatial", 1) != 1 {
		return nil, c.Errorf("spatial", "1", fmt.Sprint(c.Node.Int("spatial", 1)))
	}
	if c.Opset < 7 && c.Node.Int("is_test", 0) == 0 {
		return nil, c.Errorf("is_test", "1", "0")
	}
	outs := len(c.Node.Outputs)
	if c.training() && outs > 3 || !c.training() && outs > 1 {
		return nil, c.Errorf("outputs", "1, or 3 in training mode", fmt.Sprint(outs))
	}
	return []Type{c.In[0], c.In[3], c.In[4]}, c.epsilon()
}

// evalBatchNorm is scale*(x-mean)/sqrt(var+epsilon) + bias per channel. In
// training mode mean and (population) variance are those of the batch, and
// the running ones are updated.
func evalBatchNorm[T floating](c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	channels, inner := 1, 1
	if len(s) > 1 {
		channels, inner = s[1], s[2:].Elems()
	}
	x, y := values[T](c, 0), tensor.Slice[T](out[0])
	mean, variance := wide(values[T](c, 3)), wide(values[T](c, 4))
	if c.training() {
		oldMean, oldVar := mean, variance
		mean, variance = channelMoments(x, channels, inner)
		keep := float64(c.Node.Float("momentum", 0.9))
		for i, old := range [][]float64{oldMean, oldVar} {
			if len(out) <= 1+i {
				break
			}
			running, now := tensor.Slice[T](out[1+i]), [][]float64{mean, variance}[i]
			for ch := range running {
				running[ch] = T(keep*old[ch] + (1-keep)*now[ch])
			}
		}
	}
	eps := float64(c.Node.Float("epsilon", 1e-5))
	scale, bias := values[T](c, 1), values[T](c, 2)
	for i := 0; i < len(x); i += inner {
		ch := i / inner % channels
		f := float64(scale[ch]) / math.Sqrt(variance[ch]+eps)
		for j := i; j < i+inner; j++ {
			y[j] = T((float64(x[j])-mean[ch])*f + float64(bias[ch]))
		}
	}
	return nil
}

func wide[T floating](v []T) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// channelMoments is mean and population variance of every channel of [N, C, inner].
func channelMoments[T floating](x []T, channels, inner int) (mean, variance []float64) {
	mean, variance = make([]float64, channels), make([]float64, channels)
	if len(x) == 0 {
		return mean, variance
	}
	n := float64(len(x) / channels)
	for i, v := range x {
		mean[i/inner%channels] += float64(v) / n
	}
	for i, v := range x {
		d := float64(v) - mean[i/inner%channels]
		variance[i/inner%channels] += d * d / n
	}
	return mean, variance
}

// moments is mean and population variance of v.
func moments[T floating](v []T) (mean, variance float64) {
	for _, x := range v {
		mean += float64(x)
	}
	mean /= float64(len(v))
	for _, x := range v {
		d := float64(x) - mean
		variance += d * d
	}
	return mean, variance / float64(len(v))
}

func inferInstanceNorm(c *Call) ([]Type, error) {
	if err := c.wantFloats(1, 2); err != nil {
		return nil, err
	}
	channels, err := c.channels()
	if err != nil {
		return nil, err
	}
	for i := 1; i < 3; i++ {
		if err := c.wantShape(i, channels); err != nil {
			return nil, err
		}
	}
	return c.In[:1], c.epsilon()
}

func evalInstanceNorm[T floating](c *Call, out []*tensor.Tensor) error {
	channels := c.In[0].Shape[1]
	normalizeRows(c, out[0], c.In[0].Shape[2:].Elems(), values[T](c, 1), values[T](c, 2), func(i, inner int) int { return i / inner % channels })
	return nil
}

// normalizeRows normalises each run of n elements of input 0 to mean 0 and
// variance 1, then applies scale[p] and bias[p], p = param(element index, n).
func normalizeRows[T floating](c *Call, out *tensor.Tensor, n int, scale, bias []T, param func(i, n int) int) {
	x, y := values[T](c, 0), tensor.Slice[T](out)
	eps := float64(c.Node.Float("epsilon", 1e-5))
	for at := 0; at < len(x); at += n {
		mean, variance := moments(x[at:][:n])
		inv := 1 / math.Sqrt(variance+eps)
		for i := at; i < at+n; i++ {
			p := param(i, n)
			y[i] = T((float64(x[i])-mean)*inv*float64(scale[p]) + float64(bias[p]))
		}
	}
}

// inferGroupNorm: scale and bias have one value per group before version 21,
// one per channel since.
func inferGroupNorm(c *Call) ([]Type, error) {
	if err := c.wantFloats(1, 2); err != nil {
		return nil, err
	}
	channels, err := c.channels()
	if err != nil {
		return nil, err
	}
	groups := c.Node.Int("num_groups", 0)
	if groups < 1 || groups > int64(channels) || channels%int(groups) != 0 {
		return nil, c.Errorf("num_groups", fmt.Sprintf("a divisor of the %d channels", channels), fmt.Sprint(groups))
	}
	params := channels
	if c.Opset < 21 {
		params = int(groups)
	}
	for i := 1; i < 3; i++ {
		if err := c.wantShape(i, params); err != nil {
			return nil, err
		}
	}
	return c.In[:1], c.epsilon()
}

func evalGroupNorm[T floating](c *Call, out []*tensor.Tensor) error {
	channels, inner, groups := c.In[0].Shape[1], c.In[0].Shape[2:].Elems(), int(c.Node.Int("num_groups", 1))
	normalizeRows(c, out[0], channels/groups*inner, values[T](c, 1), values[T](c, 2), func(i, _ int) int {
		ch := i / inner % channels
		if c.Opset < 21 {
			return ch / (channels / groups)
		}
		return ch
	})
	return nil
}

func inferLayerNorm(c *Call) ([]Type, error) {
	if err := c.wantFloats(1, 2); err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", -1), len(s))
	if err != nil {
		return nil, err
	}
	for i := 1; i < 3; i++ {
		if !c.Has(i) {
			continue
		}
		if err := c.broadcastsTo(i, s[axis:]); err != nil {
			return nil, err
		}
	}
	stash := tensor.DType(tensor.Float32)
	if d := c.Node.Int("stash_type", int64(stash)); d != int64(stash) {
		return nil, c.Errorf("stash_type", "1 (float32)", fmt.Sprint(d))
	}
	stat := s.Clone()
	for i := axis; i < len(stat); i++ {
		stat[i] = 1
	}
	return []Type{c.In[0], {stash, stat}, {stash, stat}}, c.epsilon()
}

// broadcastsTo demands that input i broadcasts to shape without enlarging it.
func (c *Call) broadcastsTo(i int, shape tensor.Shape) error {
	s := c.In[i].Shape
	fits := len(s) <= len(shape)
	for d := range s {
		if fits {
			fits = s[d] == 1 || s[d] == shape[len(shape)-len(s)+d]
		}
	}
	if !fits {
		return c.Errorf(c.inputName(i), "a shape that broadcasts to "+shape.String(), s.String())
	}
	return nil
}

// evalLayerNorm also writes mean and 1/sqrt(var+epsilon), as float32.
func evalLayerNorm[T floating](c *Call, out []*tensor.Tensor) error {
	s := c.In[0].Shape
	axis, err := c.axis("axis", c.Node.Int("axis", -1), len(s))
	if err != nil {
		return err
	}
	n := s[axis:].Elems()
	scale := spread(values[T](c, 1), c.In[1].Shape, s[axis:])
	bias := make([]T, n)
	if c.Has(2) {
		bias = spread(values[T](c, 2), c.In[2].Shape, s[axis:])
	}
	normalizeRows(c, out[0], n, scale, bias, func(i, n int) int { return i % n })
	x := values[T](c, 0)
	for k := 1; k < len(out); k++ {
		stat := out[k].Float32s()
		for r := range stat {
			v, variance := moments(x[r*n:][:n])
			if k == 2 {
				v = 1 / math.Sqrt(variance+float64(c.Node.Float("epsilon", 1e-5)))
			}
			stat[r] = float32(v)
		}
	}
	return nil
}

// spread broadcasts v of shape from to shape to.
func spread[T floating](v []T, from, to tensor.Shape) []T {
	if from.Equal(to) {
		return v
	}
	out := make([]T, to.Elems())
	for i := range out {
		at, rest, stride := 0, i, 1
		for d := len(to) - 1; d >= 0; d-- {
			k := d - len(to) + len(from)
			if k < 0 {
				break
			}
			if from[k] != 1 {
				at += rest % to[d] * stride
			}
			rest /= to[d]
			stride *= from[k]
		}
		out[i] = v[at]
	}
	return out
}
