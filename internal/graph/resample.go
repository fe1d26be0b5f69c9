package graph

import (
	"math"

	"lutra/internal/tensor"
)

// The arithmetic of Resize. Interpolation in several dimensions is
// interpolation along one axis after another.

// tapWeights says how one output of an axis is computed: the sum of weight[k]
// times input index[k], indices clamped to the axis. outside marks outputs
// that take the extrapolation value.
type tapWeights struct {
	index   []int
	weight  []float64
	outside bool
}

// support is how far, in inputs, the kernel of the node's mode reaches.
func (c *Call) support() float64 {
	if c.Node.String("mode", "nearest") == "cubic" {
		return 2
	}
	return 1
}

// stretch is the factor by which antialiasing shrinks the coordinates of the kernel.
func (c *Call) stretch(r resampling) float64 {
	if c.Node.Int("antialias", 0) == 0 {
		return 1
	}
	return min(r.scale, 1)
}

// taps is the number of inputs an output of the axis reads.
func (c *Call) taps(r resampling) float64 { return 2 * math.Ceil(c.support()/c.stretch(r)) }

// kernel is the interpolation kernel of the node's mode at distance x.
func (c *Call) kernel(x float64) float64 {
	x = math.Abs(x)
	if c.support() == 1 {
		return max(0, 1-x)
	}
	a := float64(c.Node.Float("cubic_coeff_a", -0.75))
	switch {
	case x <= 1: // Keys, Cubic convolution interpolation, 1981
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}

// weights computes one output of an axis for linear and cubic modes.
func (c *Call) weights(r resampling, x float64) tapWeights {
	stretch := c.stretch(r)
	first := int(math.Floor(x)) + 1 - int(math.Ceil(c.support()/stretch))
	n := int(c.taps(r))
	t := tapWeights{index: make([]int, n), weight: make([]float64, n)}
	exclude := c.Node.Int("exclude_outside", 0) != 0
	sum := 0.0
	for k := range n {
		i := first + k
		w := c.kernel((float64(i) - x) * stretch)
		if exclude && (i < 0 || i >= r.in) {
			w = 0
		}
		t.index[k], t.weight[k] = min(max(i, 0), r.in-1), w
		sum += w
	}
	if sum != 0 && (exclude || stretch != 1) {
		for k := range t.weight {
			t.weight[k] /= sum
		}
	}
	return t
}

// nearest is the input index nearest to x by the node's rounding.
func nearest(mode string, x float64) float64 {
	switch mode {
	case "floor":
		return math.Floor(x)
	case "ceil":
		return math.Ceil(x)
	case "round_prefer_ceil":
		return math.Floor(x + 0.5)
	}
	return math.Ceil(x - 0.5)
}

// table computes all outputs of an axis.
func (c *Call) table(r resampling) []tapWeights {
	mode, rounding := c.coordinateMode(), c.nearestMode(r)
	isNearest := c.Node.String("mode", "nearest") == "nearest"
	out := make([]tapWeights, r.out)
	for o := range out {
		x := r.coordinate(mode, float64(o))
		x = min(max(x, -float64(r.in)), 2*float64(r.in)) // beyond, all taps are clamped alike
		if isNearest {
			i := min(max(int(nearest(rounding, x)), 0), r.in-1)
			out[o] = tapWeights{index: []int{i}, weight: []float64{1}}
		} else {
			out[o] = c.weights(r, x)
		}
		out[o].outside = mode == cropAndResize && (x < 0 || x > float64(r.in-1))
	}
	return out
}

// changes reports whether resizing along r does anything.
func (c *Call) changes(r resampling) bool {
	return r.in != r.out || r.scale != 1 || c.coordinateMode() == cropAndResize && (r.start != 0 || r.end != 1)
}

func evalResize(c *Call, out []*tensor.Tensor) error {
	axes, err := c.resampling()
	if err != nil || out[0].Elems() == 0 {
		return err
	}
	if c.Node.String("mode", "nearest") != "nearest" || c.coordinateMode() == cropAndResize && floatTypes.has(c.In[0].DType) {
		return floatEval(resizeFloat[float32], resizeFloat[float64])(c, out)
	}
	// Nearest: every output is a copy of one input.
	size := c.In[0].DType.Size()
	v, shape := c.Value[0].Bytes(), c.In[0].Shape.Clone()
	for a, r := range axes {
		if !c.changes(r) {
			continue
		}
		outer, inner := shape[:a].Elems(), shape[a+1:].Elems()*size
		next := make([]byte, 0, outer*r.out*inner)
		table := c.table(r)
		for o := range outer {
			for _, t := range table {
				next = append(next, v[(o*r.in+t.index[0])*inner:][:inner]...)
			}
		}
		v, shape[a] = next, r.out
	}
	copy(out[0].Bytes(), v)
	return nil
}

// resizeFloat interpolates along one axis after another in float64.
func resizeFloat[T floating](c *Call, out []*tensor.Tensor) error {
	axes, err := c.resampling()
	if err != nil {
		return err
	}
	v, shape := make([]float64, c.In[0].Shape.Elems()), c.In[0].Shape.Clone()
	for i, x := range values[T](c, 0) {
		v[i] = float64(x)
	}
	outside := make([][]tapWeights, len(axes))
	for a, r := range axes {
		if !c.changes(r) {
			continue
		}
		table := c.table(r)
		outside[a] = table
		outer, inner := shape[:a].Elems(), shape[a+1:].Elems()
		next := make([]float64, outer*r.out*inner)
		for o := range outer {
			for x, t := range table {
				dst := next[(o*r.out+x)*inner:][:inner]
				for k, w := range t.weight {
					for i, s := range v[(o*r.in+t.index[k])*inner:][:inner] {
						dst[i] += w * s
					}
				}
			}
		}
		v, shape[a] = next, r.out
	}
	y := tensor.Slice[T](out[0])
	for i, x := range v {
		y[i] = T(x)
	}
	extrapolate(y, shape, outside, T(c.Node.Float("extrapolation_value", 0)))
	return nil
}

// extrapolate overwrites the elements that are outside along some axis.
func extrapolate[T floating](y []T, shape tensor.Shape, tables [][]tapWeights, value T) {
	for a, table := range tables {
		inner := shape[a+1:].Elems()
		for x, t := range table {
			if !t.outside {
				continue
			}
			for at := x * inner; at < len(y); at += shape[a] * inner {
				for i := range inner {
					y[at+i] = value
				}
			}
		}
	}
}
