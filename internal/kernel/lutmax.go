package kernel

// LUTMax is the geometry of MaxLUT.
type LUTMax struct {
	Taps                    []int32 // offsets from the corner of a window
	Step                    int     // levels between windows
	Next                    int     // between rows of windows
	Plane                   int     // between channels
	Channels, Height, Width int     // of the result
}

// MaxLUT computes the largest level of every window:
//
//	dst[(c*Height + y)*Width + x] = max over taps of src[c*Plane + y*Next + x*Step + tap]
//
// dst and src have LUTRoom more, which is read and written.
func (l Level) MaxLUT(dst, src []uint8, m *LUTMax) {
	if min(m.Channels, m.Height, m.Width, m.Step, len(m.Taps)) < 1 || min(m.Next, m.Plane) < 0 {
		panic("kernel: lut max: size out of range")
	}
	last := (m.Channels-1)*m.Plane + (m.Height-1)*m.Next + (m.Width-1)*m.Step
	for _, t := range m.Taps {
		if t < 0 {
			panic("kernel: lut max: negative offset")
		}
		need(src, last+int(t)+1+LUTRoom)
	}
	need(dst, m.Channels*m.Height*m.Width+LUTRoom)
	if maxLUT(l, dst, src, m) {
		return
	}
	for c := range m.Channels {
		for y := range m.Height {
			row := src[c*m.Plane+y*m.Next:]
			for x := range m.Width {
				window := row[x*m.Step:]
				var most uint8
				for _, t := range m.Taps {
					most = max(most, window[t])
				}
				dst[x] = most
			}
			dst = dst[m.Width:]
		}
	}
}
