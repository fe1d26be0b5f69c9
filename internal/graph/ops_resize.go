package graph

import (
	"fmt"
	"math"
	"slices"

	"lutra/internal/tensor"
)

var resizeOps = []Operator{
	{Name: "Resize", Since: 10, In: Arity{1, 4}, Out: Arity{1, 1},
		Infer: inferResize, Eval: evalResize,
		Note: "scales, sizes and roi known before the run; linear and cubic for floating-point types"},
	{Name: "Upsample", Since: 7, In: Arity{1, 2}, Out: Arity{1, 1},
		Infer: inferResize, Eval: evalResize, Note: "scales known before the run"},
}

// resampling is how one axis is resized.
type resampling struct {
	in, out    int
	scale      float64 // output size over input size, before rounding
	start, end float64 // region of interest, in units of the input
}

// Names of the coordinate transformations of Resize.
const (
	halfPixel          = "half_pixel"
	halfPixelSymmetric = "half_pixel_symmetric"
	pytorchHalfPixel   = "pytorch_half_pixel"
	alignCorners       = "align_corners"
	asymmetric         = "asymmetric"
	cropAndResize      = "tf_crop_and_resize"
)

// coordinateMode is the node's coordinate transformation; Upsample and version
// 10 know only one.
func (c *Call) coordinateMode() string {
	if c.Node.Op == "Upsample" || c.Opset < 11 {
		return asymmetric
	}
	return c.Node.String("coordinate_transformation_mode", halfPixel)
}

// nearestMode is how coordinates are rounded along r.
func (c *Call) nearestMode(r resampling) string {
	if c.Node.Op == "Upsample" || c.Opset < 11 {
		if r.scale < 1 { // as ONNX Runtime does; version 10 does not say
			return "ceil"
		}
		return "floor"
	}
	return c.Node.String("nearest_mode", "round_prefer_floor")
}

// coordinate is the place in the input that output x of the axis reads.
func (r resampling) coordinate(mode string, x float64) float64 {
	width, in := r.scale*float64(r.in), float64(r.in)
	switch mode {
	case alignCorners:
		if width == 1 {
			return 0
		}
		return x * (in - 1) / (width - 1)
	case asymmetric:
		return x / r.scale
	case cropAndResize:
		if width == 1 {
			return (r.start + r.end) * (in - 1) / 2
		}
		return r.start*(in-1) + x*(r.end-r.start)*(in-1)/(width-1)
	case pytorchHalfPixel:
		if width == 1 {
			return -0.5
		}
	case halfPixelSymmetric:
		return in/2*(1-float64(r.out)/width) + (x+0.5)/r.scale - 0.5
	}
	return (x+0.5)/r.scale - 0.5
}

// resampling reads the resampling of every axis.
func (c *Call) resampling() ([]resampling, error) {
	s := c.In[0].Shape
	axes := make([]resampling, len(s))
	for i, n := range s {
		axes[i] = resampling{in: n, out: n, scale: 1, end: 1}
	}
	chosen := make([]int, len(s))
	for i := range chosen {
		chosen[i] = i
	}
	if a, ok := c.Node.Attr("axes"); ok && c.Opset >= 18 {
		var err error
		if chosen, err = c.axes("axes", a.Ints, len(s)); err != nil {
			return nil, err
		}
	}
	scales, sizes, err := c.resizeTargets(len(chosen))
	if err != nil {
		return nil, err
	}
	switch {
	case sizes != nil:
		err = c.resizeTo(axes, chosen, sizes)
	default:
		err = c.resizeBy(axes, chosen, scales)
	}
	if err != nil {
		return nil, err
	}
	return axes, c.cropped(axes, chosen)
}

// resizeTargets is the scales or the sizes, n of them.
func (c *Call) resizeTargets(n int) (scales []float64, sizes []int64, err error) {
	if c.Node.Op == "Upsample" && c.Opset < 9 {
		a, _ := c.Node.Attr("scales")
		if a == nil || len(a.Floats) != n {
			return nil, nil, c.Errorf("scales", fmt.Sprintf("%d values", n), "another number")
		}
		return widen64(a.Floats), nil, nil
	}
	at := 2
	if c.Node.Op == "Upsample" || c.Opset < 11 {
		at = 1
	}
	if at == 2 && c.Has(3) && c.In[3].Shape.Elems() > 0 {
		if sizes, err = c.constInts(3); err != nil {
			return nil, nil, err
		}
		return nil, sizes, c.inRange("sizes", sizes, n, 0, 1<<32)
	}
	scales, err = c.constFloats(at)
	if err == nil && len(scales) != n {
		err = c.Errorf("scales", fmt.Sprintf("%d values", n), fmt.Sprint(len(scales)))
	}
	return scales, nil, err
}

// constFloats is the constant floating-point vector of input i.
func (c *Call) constFloats(i int) ([]float64, error) {
	if !c.Has(i) {
		return nil, c.Errorf(fmt.Sprintf("input %d", i), "a value", "none")
	}
	if err := c.want(i, floatTypes); err != nil {
		return nil, err
	}
	t := c.Const(i)
	if t == nil {
		return nil, c.Errorf(c.inputName(i), "a value known before the run", "a computed value")
	}
	if t.DType == tensor.Float64 {
		return tensor.Slice[float64](t), nil
	}
	return widen64(t.AsFloat32().Float32s()), nil
}

func widen64(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// resizeTo sets output sizes, and scales under the aspect ratio policy.
func (c *Call) resizeTo(axes []resampling, chosen []int, sizes []int64) error {
	policy := c.Node.String("keep_aspect_ratio_policy", "stretch")
	common := math.NaN()
	for i, a := range chosen {
		r := &axes[a]
		if r.in == 0 && sizes[i] != 0 {
			return c.Errorf("sizes", "0 for an empty axis", fmt.Sprint(sizes[i]))
		}
		r.out = int(sizes[i])
		if r.in != 0 {
			r.scale = float64(r.out) / float64(r.in)
		}
		switch {
		case i == 0:
			common = r.scale
		case policy == "not_larger":
			common = min(common, r.scale)
		case policy == "not_smaller":
			common = max(common, r.scale)
		}
	}
	switch policy {
	case "stretch":
		return nil
	case "not_larger", "not_smaller":
	default:
		return c.Errorf("keep_aspect_ratio_policy", "stretch, not_larger or not_smaller", policy)
	}
	for _, a := range chosen {
		r := &axes[a]
		size := math.Floor(common*float64(r.in) + 0.5)
		if !(size < 1<<32) {
			return c.Errorf("sizes", "sizes that fit into memory", fmt.Sprint(size))
		}
		r.scale, r.out = common, int(size)
	}
	return nil
}

// resizeBy sets scales, and output sizes floor(scale * input size).
func (c *Call) resizeBy(axes []resampling, chosen []int, scales []float64) error {
	for i, a := range chosen {
		r := &axes[a]
		size := math.Floor(scales[i] * float64(r.in))
		if !(scales[i] > 0) || !(size < 1<<32) {
			return c.Errorf("scales", "positive numbers and sizes that fit into memory", fmt.Sprint(scales[i]))
		}
		r.scale, r.out = scales[i], int(size)
	}
	return nil
}

// cropped reads the region of interest if the coordinate mode has one.
func (c *Call) cropped(axes []resampling, chosen []int) error {
	if c.coordinateMode() != cropAndResize {
		return nil
	}
	roi, err := c.constFloats(1)
	if err != nil {
		return err
	}
	if len(roi) != 2*len(chosen) {
		return c.Errorf("roi", fmt.Sprintf("%d values", 2*len(chosen)), fmt.Sprint(len(roi)))
	}
	for i, a := range chosen {
		start, end := roi[i], roi[len(chosen)+i]
		if !(math.Abs(start) < 1<<20) || !(math.Abs(end) < 1<<20) {
			return c.Errorf("roi", "fractions of the input", fmt.Sprint(start, end))
		}
		axes[a].start, axes[a].end = start, end
	}
	return nil
}

// resizeModes are the values that the string attributes may have.
var resizeModes = []struct {
	attr  string
	known []string
}{
	{"mode", []string{"nearest", "linear", "bilinear", "cubic"}},
	{"nearest_mode", []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}},
	{"coordinate_transformation_mode", []string{halfPixel, halfPixelSymmetric, pytorchHalfPixel, alignCorners, asymmetric, cropAndResize}},
}

func inferResize(c *Call) ([]Type, error) {
	types := floatTypes
	if c.Node.String("mode", "nearest") == "nearest" {
		types = storedTypes
	}
	if err := c.want(0, types); err != nil {
		return nil, err
	}
	for _, m := range resizeModes {
		if err := c.oneOf(m.attr, m.known); err != nil {
			return nil, err
		}
	}
	if a := c.Node.Float("cubic_coeff_a", -0.75); a-a != 0 {
		return nil, c.Errorf("cubic_coeff_a", "a finite number", fmt.Sprint(a))
	}
	axes, err := c.resampling()
	if err != nil {
		return nil, err
	}
	shape := c.In[0].Shape.Clone()
	for i, r := range axes {
		if work := c.taps(r) * float64(r.out); work > maxExtent {
			return nil, c.Errorf("scales", fmt.Sprintf("at most %d weights along an axis", maxExtent), fmt.Sprintf("%.0f", work))
		}
		shape[i] = r.out
		if err := c.allocatable(tensor.Float64, shape); err != nil { // as it is after axis i
			return nil, err
		}
	}
	return c.typed(c.In[0].DType, shape...)
}

// oneOf demands that the string attribute, if present, has one of the values known.
func (c *Call) oneOf(name string, known []string) error {
	v := c.Node.String(name, known[0])
	if slices.Contains(known, v) {
		return nil
	}
	return c.Errorf(name, fmt.Sprint(known), v)
}
