package graph

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

var quantOps = []Operator{
	{Name: "QuantizeLinear", Since: 10, In: Arity{2, 3}, Out: Arity{1, 1},
		Infer: inferQuantize, Eval: evalQuantize, Note: "integer results of 2 to 16 bits"},
	{Name: "DequantizeLinear", Since: 10, In: Arity{2, 3}, Out: Arity{1, 1},
		Infer: inferDequantize, Eval: evalDequantize, Note: "integer inputs of 2 to 32 bits"},
	{Name: "ConvInteger", Since: 10, In: Arity{2, 4}, Out: Arity{1, 1},
		Infer: inferConvInteger, Eval: evalConvInteger, Dense: true},
	{Name: "QLinearConv", Since: 10, In: Arity{8, 9}, Out: Arity{1, 1},
		Infer: inferQLinearConv, Eval: evalQLinearConv, Dense: true},
	{Name: "MatMulInteger", Since: 10, In: Arity{2, 4}, Out: Arity{1, 1},
		Infer: inferMatMulInteger, Eval: evalMatMulInteger, Dense: true},
	{Name: "QLinearMatMul", Since: 10, In: Arity{8, 8}, Out: Arity{1, 1},
		Infer: inferQLinearMatMul, Eval: evalQLinearMatMul, Dense: true, Note: "scales per tensor"},
}

var (
	byteTypes      = dtypesOf(tensor.Uint8, tensor.Int8)
	quantizedTypes = byteTypes | dtypesOf(tensor.Uint16, tensor.Int16, tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2)
	scaleTypes     = dtypesOf(tensor.Float32, tensor.Float16, tensor.BFloat16)
)

// quantRange is the range of values of a quantised type.
var quantRange = map[tensor.DType][2]float64{
	tensor.Uint8: {0, 255}, tensor.Int8: {-128, 127}, tensor.Uint16: {0, 65535}, tensor.Int16: {-32768, 32767},
	tensor.Uint4: {0, 15}, tensor.Int4: {-8, 7}, tensor.Uint2: {0, 3}, tensor.Int2: {-2, 1},
}

// scaling says which scale and zero point belong to element i of data of shape
// [outer, axis, inner]: one per tensor, per index of the axis, or per block of
// the axis.
type scaling struct {
	outer, axis, inner int
	block              int // elements of the axis that share a scale; 0: one scale for all
}

// index is the scale of element i.
func (s scaling) index(i int) int {
	if s.block == 0 {
		return 0
	}
	at := i / s.inner % s.axis / s.block
	if s.block == 1 {
		return at
	}
	blocks := (s.axis + s.block - 1) / s.block
	return (i/s.inner/s.axis*blocks+at)*s.inner + i%s.inner
}

// scaling checks the shapes of scale (input 1) and zero point (input 2)
// against data (input 0).
func (c *Call) scaling() (scaling, error) {
	s, scale := c.In[0].Shape, c.In[1].Shape
	if c.Has(2) && !c.In[2].Shape.Equal(scale) && !(c.In[2].Shape.Elems() == 1 && scale.Elems() == 1) {
		return scaling{}, c.Errorf(c.inputName(2), scale.String(), c.In[2].Shape.String())
	}
	block := c.Node.Int("block_size", 0)
	if block < 0 || block > maxExtent {
		return scaling{}, c.Errorf("block_size", fmt.Sprintf("0 to %d", maxExtent), fmt.Sprint(block))
	}
	if block == 0 && scale.Elems() == 1 && len(scale) <= 1 {
		return scaling{}, nil
	}
	axis, err := c.axis("axis", c.Node.Int("axis", 1), len(s))
	if err != nil {
		return scaling{}, err
	}
	v := scaling{outer: s[:axis].Elems(), axis: s[axis], inner: s[axis+1:].Elems(), block: int(block)}
	want := tensor.Shape{s[axis]}
	switch {
	case block == 1:
		return v, c.Errorf("block_size", "0 or at least 2", "1")
	case block > 1:
		want = s.Clone()
		want[axis] = (s[axis] + v.block - 1) / v.block
	default:
		v.block = 1
	}
	if !scale.Equal(want) {
		return v, c.Errorf(c.inputName(1), want.String(), scale.String())
	}
	return v, nil
}

func inferQuantize(c *Call) ([]Type, error) {
	if err := c.want(0, scaleTypes|dtypesOf(tensor.Int32)); err != nil {
		return nil, err
	}
	if err := c.want(1, scaleTypes|dtypesOf(tensor.Int32)); err != nil {
		return nil, err
	}
	to := tensor.DType(tensor.Uint8)
	if d := c.Node.Int("output_dtype", 0); d != 0 {
		if d < 0 || d > 31 {
			return nil, c.Errorf("output_dtype", "a quantised type", fmt.Sprint(d))
		}
		to = tensor.DType(d)
	}
	if c.Has(2) {
		to = c.In[2].DType
	}
	if !quantizedTypes.has(to) {
		return nil, c.Errorf("zero point", "a quantised integer type", to.String())
	}
	if _, err := c.scaling(); err != nil {
		return nil, err
	}
	return []Type{{to, c.In[0].Shape}}, nil
}

// evalQuantize is saturate(round(x/scale) + zero), rounding halves to even;
// the division is in float32.
func evalQuantize(c *Call, out []*tensor.Tensor) error {
	s, err := c.scaling()
	if err != nil {
		return err
	}
	x, scale, zero := c.Value[0].AsFloat32().Float32s(), c.Value[1].AsFloat32().Float32s(), c.zeroPoint(2)
	q := make([]float64, len(x))
	for i, v := range x {
		k := s.index(i)
		q[i] = math.RoundToEven(float64(v/scale[k])) + zero.at(k)
	}
	saturate(out[0], q)
	return nil
}

func inferDequantize(c *Call) ([]Type, error) {
	if err := c.want(0, quantizedTypes|dtypesOf(tensor.Int32)); err != nil {
		return nil, err
	}
	if err := c.want(1, scaleTypes); err != nil {
		return nil, err
	}
	if c.Has(2) {
		if err := c.same(0, 2); err != nil {
			return nil, err
		}
	}
	to := c.In[1].DType
	if d := c.Node.Int("output_dtype", 0); d != 0 {
		if to = tensor.DType(d); d < 0 || d > 31 || !scaleTypes.has(to) {
			return nil, c.Errorf("output_dtype", "a floating-point type", fmt.Sprint(d))
		}
	}
	if _, err := c.scaling(); err != nil {
		return nil, err
	}
	return c.typed(to, c.In[0].Shape...)
}

// dequantizers is the arithmetic of DequantizeLinear by element type.
var dequantizers = map[tensor.DType]func(y []float32, x *tensor.Tensor, s scaling, scale []float32, zero zeroPoint){
	tensor.Int16: dequantize[int16], tensor.Uint16: dequantize[uint16], tensor.Int32: dequantize[int32],
	tensor.Int8: dequantize[int8], tensor.Int4: dequantize[int8], tensor.Int2: dequantize[int8],
	tensor.Uint8: dequantize[uint8], tensor.Uint4: dequantize[uint8], tensor.Uint2: dequantize[uint8],
}

// dequantize is (x - zero) * scale in float32; T is the Go type that holds x.
func dequantize[T integer](y []float32, x *tensor.Tensor, s scaling, scale []float32, zero zeroPoint) {
	for i, v := range elements[T](x) {
		k := s.index(i)
		y[i] = float32(float64(v)-zero.at(k)) * scale[k]
	}
}

func evalDequantize(c *Call, out []*tensor.Tensor) error {
	s, err := c.scaling()
	if err != nil {
		return err
	}
	dst := out[0]
	if isHalf(dst.DType) {
		dst = tensor.New(tensor.Float32, dst.Shape...)
	}
	dequantizers[c.In[0].DType](dst.Float32s(), c.Value[0], s, c.Value[1].AsFloat32().Float32s(), c.zeroPoint(2))
	if dst != out[0] {
		roundHalf(out[0], dst.Float32s())
	}
	return nil
}

// zeroPoint is the values of an optional zero point; nil means 0.
type zeroPoint []float64

func (z zeroPoint) at(i int) float64 {
	if z == nil {
		return 0
	}
	return z[min(i, len(z)-1)]
}

func (c *Call) zeroPoint(i int) zeroPoint {
	if !c.Has(i) {
		return nil
	}
	return integers(c.Value[i])
}

// integers is the elements of an integer tensor of at most 32 bits, exactly.
func integers(t *tensor.Tensor) []float64 {
	switch t.DType {
	case tensor.Int8, tensor.Int4, tensor.Int2:
		return widenInts(elements[int8](t))
	case tensor.Uint16:
		return widenInts(elements[uint16](t))
	case tensor.Int16:
		return widenInts(elements[int16](t))
	case tensor.Int32:
		return widenInts(elements[int32](t))
	}
	return widenInts(elements[uint8](t))
}

func widenInts[T integer](v []T) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// narrowed is the type by whose elements those of a narrow type are held.
var narrowed = map[tensor.DType]tensor.DType{
	tensor.Int4: tensor.Int8, tensor.Int2: tensor.Int8, tensor.Uint4: tensor.Uint8, tensor.Uint2: tensor.Uint8,
}

// elements views an integer tensor by the Go type that holds its elements.
func elements[T integer](t *tensor.Tensor) []T {
	if d, ok := narrowed[t.DType]; ok {
		t = tensor.View(d, t.Bytes(), t.Shape...)
	}
	return tensor.Slice[T](t)
}

// saturate clamps integer values to the range of the type of t and stores
// them; NaN becomes the lower end.
func saturate(t *tensor.Tensor, v []float64) {
	r := quantRange[t.DType]
	for i, x := range v {
		if x != x {
			x = r[0]
		}
		v[i] = min(max(x, r[0]), r[1])
	}
	switch t.DType {
	case tensor.Int16:
		storeInts(elements[int16](t), v)
	case tensor.Uint16:
		storeInts(elements[uint16](t), v)
	case tensor.Int8, tensor.Int4, tensor.Int2:
		storeInts(elements[int8](t), v)
	default:
		storeInts(elements[uint8](t), v)
	}
}

func storeInts[T integer](dst []T, v []float64) {
	for i, x := range v {
		dst[i] = T(x)
	}
}
