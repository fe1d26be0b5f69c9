//go:build !purego

package kernel

import "unsafe"

// decode8Call is what the assembly of DecodeI8 reads.
type decode8Call struct {
	codes  unsafe.Pointer // of 8 bits, or 16
	quads  int            // >= 1; of codes of 16 bits: blocks
	planes unsafe.Pointer // or codewords
	count  int            // steps through the components of a quad
	half   int            // bytes from component j to j+D/2
	steps  *uint32
	dst    *int8
	size   int32 // bytes of a codeword
	// For 256 bits: the bytes of steps for a quad. planes are codewords then, and
	// half is in bytes of them.
	wordBytes int
}

// newDecode8Call decodes the quads of the first panel of c.
func newDecode8Call(dst []int8, d *DecoderI8, c PanelCodes) decode8Call {
	call := decode8Call{quads: d.quads, count: d.d, half: d.d / 2 * 256, steps: &d.steps[0], dst: &dst[0], size: int32(d.d)}
	if d.form == byWords {
		call.codes, call.planes, call.count = unsafe.Pointer(&c.wide[0]), unsafe.Pointer(&d.words[0]), d.d/4
		return call
	}
	call.codes, call.planes = unsafe.Pointer(&c.vectors[0]), unsafe.Pointer(&d.planes[0])
	switch d.form {
	case byPairs:
		call.count = d.d / 2
	case byChannels:
		call.count = d.d / 4
	}
	return call
}

func decode8(l Level, dst []int8, d *DecoderI8, c PanelCodes) {
	switch {
	case l <= Fused || d.form == scattered:
		decode8Generic(dst, d, c, 0)
		return
	case l < AVX512:
		decode256(dst, d, c)
		return
	}
	call := newDecode8Call(dst, d, c)
	switch d.form {
	case byTaps:
		decode8TapsAVX512(&call)
	case byPairs:
		decode8PairsAVX512(&call)
	case byChannels:
		decode8ChannelsAVX512(&call)
	case byWords:
		decode8WordsAVX512(&call)
		return
	}
	decode8Generic(dst, d, c, 4*d.quads)
}

// decode256 decodes in vectors of 256 bits, or by general registers.
func decode256(dst []int8, d *DecoderI8, c PanelCodes) {
	call := decode8Call{
		quads: d.quads, count: d.d, half: d.d / 2, steps: &d.steps[0], dst: &dst[0], size: int32(d.d),
		planes: unsafe.Pointer(&d.words[0]), wordBytes: 4 * len(d.steps) / d.quads,
	}
	switch {
	case d.form == byWords:
		call.codes, call.count = unsafe.Pointer(&c.wide[0]), d.d/4
		decode8WordsAVX2(&call)
		return
	case d.form == byTaps && d.d >= 8:
		call.codes = unsafe.Pointer(&c.vectors[0])
		decode8TapsAVX2(&call)
	case d.form == byPairs && d.d >= 16:
		call.codes, call.count = unsafe.Pointer(&c.vectors[0]), d.d/2
		decode8PairsAVX2(&call)
	case d.form == byChannels:
		call.codes, call.count = unsafe.Pointer(&c.vectors[0]), d.d/4
		decode8ChannelsAVX2(&call)
	default:
		decode8Generic(dst, d, c, 0)
		return
	}
	decode8Generic(dst, d, c, 4*d.quads)
}
