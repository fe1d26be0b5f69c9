//go:build !purego

package kernel

// decode8Call is what the assembly of DecodeI8 reads.
type decode8Call struct {
	codes  *uint8
	quads  int // >= 1
	planes *uint8
	count  int // steps through the components of a quad
	half   int // bytes from component j to j+D/2
	steps  *uint32
	dst    *int8
}

func decode8(l Level, dst []int8, d *DecoderI8, c PanelCodes) {
	if l < AVX512 || d.form == scattered {
		decode8Generic(dst, d, c, 0)
		return
	}
	call := decode8Call{
		codes: &c.vectors[0], quads: d.quads, planes: &d.planes[0],
		count: d.d, half: d.d / 2 * 256, steps: &d.steps[0], dst: &dst[0],
	}
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
