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
}

func decode8(l Level, dst []int8, d *DecoderI8, c PanelCodes) {
	if l == Generic || d.form == scattered || l < AVX512 && d.form != byWords {
		decode8Generic(dst, d, c, 0)
		return
	}
	call := decode8Call{quads: d.quads, count: d.d, half: d.d / 2 * 256, steps: &d.steps[0], dst: &dst[0], size: int32(d.d)}
	if d.form == byWords {
		call.codes, call.planes, call.count = unsafe.Pointer(&c.wide[0]), unsafe.Pointer(&d.words[0]), d.d/4
		if l < AVX512 {
			decode8WordsAVX2(&call)
		} else {
			decode8WordsAVX512(&call)
		}
		return
	}
	call.codes, call.planes = unsafe.Pointer(&c.vectors[0]), unsafe.Pointer(&d.planes[0])
	switch d.form {
	case byTaps:
		decode8TapsAVX512(&call)
	case byPairs:
		call.count = d.d / 2
		decode8PairsAVX512(&call)
	case byChannels:
		call.count = d.d / 4
		decode8ChannelsAVX512(&call)
	}
	decode8Generic(dst, d, c, 4*d.quads)
}
