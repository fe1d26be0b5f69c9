//go:build !purego

package kernel

import "unsafe"

// decodeCall is what the assembly of Decode reads.
type decodeCall struct {
	codes  unsafe.Pointer
	stride int // codes between blocks
	blocks int // >= 1
	rows   *int32
	planes unsafe.Pointer
	d, k   int
	dst    *float32
	mask   uint32 // columns
}

// decode uses the generic loop for columns that AVX2 cannot mask.
func decode(l Level, d *DecodeArgs) {
	_, nr := l.TileSize()
	if l <= Fused || l < AVX512 && d.N < nr {
		decodeGeneric(d, nr)
		return
	}
	c := decodeCall{
		stride: d.Stride, blocks: d.blocks(), rows: &d.Rows[0],
		planes: unsafe.Pointer(&d.Book.planes[0]), d: d.Book.D, k: d.Book.K,
		dst: unsafe.SliceData(d.Dst), mask: uint32(1<<d.N - 1),
	}
	if d.Codes == nil {
		c.codes = unsafe.Pointer(&d.Wide[0])
		if l < AVX512 {
			decodeGather16AVX2(&c)
		} else {
			decodeGather16AVX512(&c)
		}
		return
	}
	c.codes = unsafe.Pointer(&d.Codes[0])
	switch {
	case l < AVX512:
		decodeGather8AVX2(&c)
	case d.Book.bytes == nil:
		decodeGather8AVX512(&c)
	default:
		c.planes = unsafe.Pointer(&d.Book.bytes[0])
		decodeBytesAVX512(&c)
	}
}
