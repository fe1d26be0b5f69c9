package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestMaxLUT compares every level with the definition.
func TestMaxLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(11, 11))
		for i := range 150 {
			m := &LUTMax{Step: 1 + rng.IntN(3), Channels: 1 + rng.IntN(4), Height: 1 + rng.IntN(6), Width: 1 + i}
			m.Next = m.Width*m.Step + rng.IntN(9)
			m.Plane = m.Next*m.Height + rng.IntN(20) - 5
			far := 0
			for range 1 + rng.IntN(9) {
				m.Taps = append(m.Taps, int32(rng.IntN(50)))
				far = max(far, int(m.Taps[len(m.Taps)-1]))
			}
			last := (m.Channels-1)*max(m.Plane, 0) + (m.Height-1)*m.Next + (m.Width-1)*m.Step + far
			m.Plane = max(m.Plane, 0)
			src, dst := guardedOf[uint8](t, last+1+LUTRoom), guardedOf[uint8](t, m.Channels*m.Height*m.Width+LUTRoom)
			for i := range src {
				src[i] = uint8(rng.IntN(256))
			}
			l.MaxLUT(dst, src, m)
			for i := range m.Channels * m.Height * m.Width {
				c, y, x := i/(m.Height*m.Width), i/m.Width%m.Height, i%m.Width
				var want uint8
				for _, t := range m.Taps {
					want = max(want, src[c*m.Plane+y*m.Next+x*m.Step+int(t)])
				}
				if dst[i] != want {
					t.Fatalf("%+v: channel %d, %d, %d is %d, want %d", m, c, y, x, dst[i], want)
				}
			}
		}
	})
}

// TestMaxLUTRefuses: what would read or write outside panics in Go.
func TestMaxLUTRefuses(t *testing.T) {
	for name, m := range map[string]*LUTMax{
		"short source":    {Taps: []int32{0, 100}, Step: 1, Next: 4, Plane: 16, Channels: 1, Height: 4, Width: 4},
		"short result":    {Taps: []int32{0}, Step: 1, Next: 0, Plane: 0, Channels: 5, Height: 4, Width: 5},
		"negative offset": {Taps: []int32{0, -1}, Step: 1, Next: 4, Plane: 16, Channels: 1, Height: 4, Width: 4},
		"no taps":         {Step: 1, Next: 4, Plane: 16, Channels: 1, Height: 4, Width: 4},
		"no step":         {Taps: []int32{0}, Next: 4, Plane: 16, Channels: 1, Height: 4, Width: 4},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			Best().MaxLUT(make([]uint8, 64+LUTRoom), make([]uint8, 64+LUTRoom), m)
		}()
	}
}
