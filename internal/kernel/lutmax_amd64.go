//go:build !purego

package kernel

// lutMaxCall is what the assembly of MaxLUT reads. It counts channels down.
type lutMaxCall struct {
	dst, src *uint8
	offsets  *int32
	taps     int // >= 1
	vectors  int // of a row, >= 1
	width    int // levels of a row of dst
	next     int // levels between rows of windows
	height   int // rows, >= 1
	channels int // >= 1
	skip     int // levels from the end of the rows to the next channel
}

// maxLUT reports whether there is a kernel. Rows are done in whole vectors: the
// next one overwrites what is behind a row.
func maxLUT(l Level, dst, src []uint8, m *LUTMax) bool {
	if l <= Fused || m.Step > 2 {
		return false
	}
	lanes := 4 * AVX2.lutLanes() / m.Step // of a vector of 32 bytes
	wide := l.wideLUT() && m.Width > lanes
	if wide {
		lanes *= 2
	}
	call := lutMaxCall{
		dst: &dst[0], src: &src[0], offsets: &m.Taps[0], taps: len(m.Taps), vectors: (m.Width + lanes - 1) / lanes,
		width: m.Width, next: m.Next, height: m.Height, channels: m.Channels, skip: m.Plane - m.Height*m.Next,
	}
	switch {
	case m.Step == 1 && wide:
		lutMax1AVX512(&call)
	case m.Step == 1:
		lutMax1AVX2(&call)
	case wide:
		lutMax2AVX512(&call)
	default:
		lutMax2AVX2(&call)
	}
	return true
}
