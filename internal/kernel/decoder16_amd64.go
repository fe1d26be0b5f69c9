//go:build !purego

package kernel

import "unsafe"

// decode16Call is what the assembly of DecodeBF16 reads.
type decode16Call struct {
	codes   *uint8
	quads   int // >= 1
	planes  *uint8
	count   int // steps through the components of a quad
	half    int // bytes between the components of a pair
	advance int // bytes between steps
	steps   *uint32
	dst     *BF16
}

func decode16(l Level, dst []BF16, d *DecoderBF16, c PanelCodes16) {
	if l < AVX512 || d.form == scattered16 {
		decode16Generic(dst, d, c, 0)
		return
	}
	if d.form == words16 {
		decode8WordsAVX512(&decode8Call{ // a pair is a word of four bytes
			codes: unsafe.Pointer(&c.wide[0]), quads: d.quads, planes: unsafe.Pointer(&d.words[0]), count: d.d / 2,
			steps: &d.steps[0], dst: (*int8)(unsafe.Pointer(&dst[0])), size: int32(2 * d.d),
		})
		return
	}
	call := decode16Call{
		codes: &c.vectors[0], quads: d.quads, planes: &d.planes[0], count: d.d / 2, half: 512, advance: 1024,
		steps: &d.steps[0], dst: &dst[0],
	}
	switch d.form {
	case taps16:
		call.count = d.d
		decode16TapsAVX512(&call)
	case pairs16:
		call.half, call.advance = d.d/2*512, 512
		decode16PairsAVX512(&call)
	case channels16:
		decode16PairsAVX512(&call)
	}
	decode16Generic(dst, d, c, 4*d.quads)
}
