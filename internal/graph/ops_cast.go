package graph

import (
	"math"

	"lutra/internal/tensor"
)

// castOps change element types.
var castOps = []Operator{
	{Name: "Cast", Since: 6, In: Arity{1, 1}, Out: Arity{1, 1}, Infer: inferCast, Eval: evalCast,
		Note: "strings and float4 are refused"},
	{Name: "CastLike", Since: 15, In: Arity{2, 2}, Out: Arity{1, 1}, Infer: inferCastLike, Eval: evalCast,
		Note: "strings and float4 are refused"},
}

func inferCast(c *Call) ([]Type, error) {
	to, ok := c.Node.Attr("to")
	if !ok {
		return nil, c.Errorf("to", "an element type", "none")
	}
	d, err := c.dtype("to", to.Int)
	if err != nil {
		return nil, err
	}
	return c.castType(d)
}

func inferCastLike(c *Call) ([]Type, error) { return c.castType(c.In[1].DType) }

func (c *Call) castType(d tensor.DType) ([]Type, error) {
	if err := c.want(0, storedTypes); err != nil {
		return nil, err
	}
	if mode := c.Node.String("round_mode", "up"); d == tensor.Float8E8M0 && mode != "up" && mode != "nearest" {
		return nil, c.Errorf("round_mode", "up or nearest", mode)
	}
	return c.typed(d, c.In[0].Shape...)
}

// dtype is the element type that an attribute gives as a number.
func (c *Call) dtype(field string, v int64) (tensor.DType, error) {
	if v < 0 || v > math.MaxUint8 || v >= 32 || !storedTypes.has(tensor.DType(v)) {
		return 0, c.Errorf(field, "an element type that lutra supports", tensor.DType(min(max(v, 0), math.MaxUint8)).String())
	}
	return tensor.DType(v), nil
}

func evalCast(c *Call, out []*tensor.Tensor) error {
	rule := castRule{
		saturate: c.Node.Int("saturate", 1) != 0,
		roundUp:  c.Node.String("round_mode", "up") == "up",
	}
	rule.cast(out[0], c.Value[0])
	return nil
}

// castBlock is how many elements are converted at a time.
const castBlock = 256

// castRule is what the attributes of Cast decide, for 8-bit floats only.
type castRule struct{ saturate, roundUp bool }

// castTo is t with elements of type d, t itself if it has them already.
func castTo(t *tensor.Tensor, d tensor.DType) *tensor.Tensor {
	if t.DType == d {
		return t
	}
	out := tensor.New(d, t.Shape...)
	castRule{saturate: true, roundUp: true}.cast(out, t)
	return out
}

// cast converts the elements of src to the type of dst, block by block through
// float64 or, between integers, int64. Floating-point numbers lose their
// fraction on the way to integers; integers wrap around.
func (r castRule) cast(dst, src *tensor.Tensor) {
	if dst.DType == src.DType {
		copy(dst.Bytes(), src.Bytes())
		return
	}
	n := src.Elems()
	if castFloat(src.DType) || src.DType == tensor.Uint64 && castFloat(dst.DType) {
		var buf [castBlock]float64
		for at := 0; at < n; at += castBlock {
			v := buf[:min(castBlock, n-at)]
			loadFloats(v, src, at)
			r.storeFloats(dst, at, v)
		}
		return
	}
	var buf [castBlock]int64
	for at := 0; at < n; at += castBlock {
		v := buf[:min(castBlock, n-at)]
		loadInts(v, src, at)
		r.storeInts(dst, at, v)
	}
}

// castFloat reports whether d goes through float64.
func castFloat(d tensor.DType) bool {
	_, isInt := intCodecs[d]
	return !isInt
}

// intCodec loads and stores elements of an integer type.
type intCodec struct {
	load  func(v []int64, t *tensor.Tensor, at int)
	store func(t *tensor.Tensor, at int, v []int64)
}

var intCodecs = map[tensor.DType]intCodec{
	tensor.Int8: intsOf[int8](8), tensor.Int16: intsOf[int16](16), tensor.Int32: intsOf[int32](32), tensor.Int64: intsOf[int64](64),
	tensor.Uint8: intsOf[uint8](8), tensor.Uint16: intsOf[uint16](16), tensor.Uint32: intsOf[uint32](32), tensor.Uint64: intsOf[uint64](64),
	tensor.Int4: intsOf[int8](4), tensor.Int2: intsOf[int8](2), tensor.Uint4: intsOf[uint8](4), tensor.Uint2: intsOf[uint8](2),
	tensor.Bool: {load: intsOf[uint8](8).load, store: storeBools},
}

// intsOf is the codec of integers of some bits in elements of type T.
func intsOf[T integer](bits int) intCodec {
	return intCodec{
		load: func(v []int64, t *tensor.Tensor, at int) {
			for i, x := range tensor.Slice[T](t)[at : at+len(v)] {
				v[i] = int64(x)
			}
		},
		store: func(t *tensor.Tensor, at int, v []int64) {
			dst := tensor.Slice[T](t)[at : at+len(v)]
			shift := 0
			if bits < 8 {
				shift = 8 - bits
			}
			for i, x := range v {
				// Shifting up and down wraps around, with the sign if T has one.
				dst[i] = T(x) << shift >> shift
			}
		},
	}
}

func storeBools(t *tensor.Tensor, at int, v []int64) {
	dst := tensor.Slice[uint8](t)[at : at+len(v)]
	for i, x := range v {
		dst[i] = truth(x != 0)
	}
}

// truth is b as the element of a Bool tensor.
func truth(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func loadInts(v []int64, t *tensor.Tensor, at int) { intCodecs[t.DType].load(v, t, at) }

func (r castRule) storeInts(t *tensor.Tensor, at int, v []int64) {
	if codec, ok := intCodecs[t.DType]; ok {
		codec.store(t, at, v)
		return
	}
	if t.DType == tensor.Float32 { // rounded once, not twice
		for i, dst := 0, t.Float32s()[at:]; i < len(v); i++ {
			dst[i] = float32(v[i])
		}
		return
	}
	var buf [castBlock]float64
	for i, x := range v {
		buf[i] = float64(x)
	}
	r.storeFloats(t, at, buf[:len(v)])
}

func loadFloats(v []float64, t *tensor.Tensor, at int) {
	switch t.DType {
	case tensor.Float64:
		copy(v, tensor.Slice[float64](t)[at:])
	case tensor.Float32:
		for i, x := range t.Float32s()[at : at+len(v)] {
			v[i] = float64(x)
		}
	case tensor.Uint64:
		load(v, t, at, func(x uint64) float64 { return float64(x) })
	case tensor.Float16:
		load(v, t, at, func(x uint16) float64 { return float64(tensor.FromHalf(x)) })
	case tensor.BFloat16:
		load(v, t, at, func(x uint16) float64 { return float64(tensor.FromBFloat16(x)) })
	default:
		load(v, t, at, func(x uint8) float64 { return float64(tensor.FromFloat8(t.DType, x)) })
	}
}

func load[T tensor.Element](v []float64, t *tensor.Tensor, at int, f func(T) float64) {
	for i, x := range tensor.Slice[T](t)[at : at+len(v)] {
		v[i] = f(x)
	}
}

func (r castRule) storeFloats(t *tensor.Tensor, at int, v []float64) {
	switch t.DType {
	case tensor.Float64:
		copy(tensor.Slice[float64](t)[at:], v)
	case tensor.Float32:
		store(t, at, v, func(x float64) float32 { return float32(x) })
	case tensor.Float16:
		store(t, at, v, func(x float64) uint16 { return tensor.ToHalf(roundToOdd(x)) })
	case tensor.BFloat16:
		store(t, at, v, func(x float64) uint16 { return tensor.ToBFloat16(roundToOdd(x)) })
	case tensor.Uint64:
		store(t, at, v, fromFloat64[uint64])
	case tensor.Bool:
		store(t, at, v, func(x float64) uint8 { return truth(x != 0) })
	case tensor.Float8E8M0:
		store(t, at, v, func(x float64) uint8 { return tensor.ToFloat8E8M0(float32(x), r.roundUp, r.saturate) })
	case tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ:
		store(t, at, v, func(x float64) uint8 { return tensor.ToFloat8(t.DType, roundToOdd(x), r.saturate) })
	default:
		var buf [castBlock]int64
		for i, x := range v {
			buf[i] = truncate(x)
		}
		r.storeInts(t, at, buf[:len(v)])
	}
}

func store[T tensor.Element](t *tensor.Tensor, at int, v []float64, f func(float64) T) {
	dst := tensor.Slice[T](t)[at : at+len(v)]
	for i, x := range v {
		dst[i] = f(x)
	}
}

// roundToOdd is x as a float32 whose last bit is set if it is not exact, so
// that rounding it to a narrower type gives what rounding x itself would.
func roundToOdd(x float64) float32 {
	f := float32(x)
	b := math.Float32bits(f)
	if float64(f) == x || f != f || b&1 != 0 {
		return f
	}
	if math.Abs(float64(f)) > math.Abs(x) {
		return math.Float32frombits(b - 1)
	}
	return math.Float32frombits(b + 1)
}
