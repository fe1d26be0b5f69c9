package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// depthwiseCase is a layer of filters of one channel.
type depthwiseCase struct {
	LUTWindow
	outputs, block int
	first, step    int16
	weights        []int16
	bias           []int32
	exact          *ExactWeights // nil: products are rounded
	src            []uint8
	a              *LUTActivation
}

func drawDepthwise(rng *rand.Rand) *depthwiseCase {
	c := &depthwiseCase{LUTWindow: LUTWindow{
		Channels: 1 + rng.IntN(9), Height: 1 + rng.IntN(12), Width: 1 + rng.IntN([]int{12, 40, 140}[rng.IntN(3)]),
		KH: 1 + rng.IntN(5), KW: 1 + rng.IntN(5), StrideY: 1 + rng.IntN(3), StrideX: 1 + rng.IntN(3),
		DilationY: 1 + rng.IntN(2), DilationX: 1 + rng.IntN(2), Top: rng.IntN(4), Left: rng.IntN(4),
	}}
	if rng.IntN(3) == 0 {
		c.KH, c.KW = 7, 9
	}
	out := func(in, k, stride, dilation, before int) int {
		return max(in+before+rng.IntN(4)-dilation*(k-1)-1, 0)/stride + 1
	}
	c.OutHeight = out(c.Height, c.KH, c.StrideY, c.DilationY, c.Top)
	c.OutWidth = out(c.Width, c.KW, c.StrideX, c.DilationX, c.Left)
	taps, levels := c.KH*c.KW, 1+rng.IntN(256)
	c.outputs, c.block = c.Channels*(1+rng.IntN(3)), []int{1, 2, 5, 32, taps, 1000}[rng.IntN(6)]
	// Numbers of levels, and weights, whose products have sums of 16 bits.
	limit := min(int(math.Sqrt(float64(32767/min(c.block, taps))*32768)), 32767)
	c.step = int16(2 * rng.IntN(limit/levels+1))
	c.first = int16(rng.IntN(limit-levels*int(c.step)/2+1) - levels*int(c.step)/2)
	for range c.outputs * taps {
		w := int16(rng.IntN(2*limit+1) - limit)
		if c.block%2 > 0 {
			w = int16(limit)
		}
		c.weights = append(c.weights, w)
	}
	for range c.outputs {
		c.bias = append(c.bias, int32(rng.IntN(1<<20)-1<<19))
	}
	for range c.Channels*c.Height*c.Width + LUTRoom {
		c.src = append(c.src, uint8(rng.IntN(levels)))
	}
	bins := []int{1, 2, 32, 256, 1000}[rng.IntN(5)]
	var table []uint8
	if bins > 256 || rng.IntN(2) == 0 {
		for range bins {
			table = append(table, uint8(rng.IntN(256)))
		}
	}
	c.a = NewLUTActivation(uint(rng.IntN(16)), bins, table)
	if rng.IntN(2) == 0 {
		c.drawExact(rng)
	}
	return c
}

// drawExact makes products exact, and sums of them as large as they may be.
func (c *depthwiseCase) drawExact(rng *rand.Rand) {
	c.exact = &ExactWeights{Bits: uint(rng.IntN(16))}
	for i := range c.weights {
		if c.KH*c.KW < 16 {
			c.weights[i] = int16(rng.IntN(1<<12) - 1<<11)
		}
		c.exact.Low = append(c.exact.Low, int16(rng.IntN(1<<c.exact.Bits)-1<<c.exact.Bits/2))
	}
	for range c.bias {
		c.exact.BiasLow = append(c.exact.BiasLow, int32(rng.IntN(1<<c.exact.Bits)))
	}
}

// filters is c for level l.
func (c *depthwiseCase) filters(l Level) *LUTDepthwise {
	p := l.NewLUTPlanes(c.LUTWindow, c.first, c.step)
	if c.exact != nil {
		return l.NewExactLUTDepthwise(p, c.weights, c.bias, *c.exact, c.a)
	}
	return l.NewLUTDepthwise(p, c.weights, c.bias, c.block, c.a)
}

// number is what output (y, x) of a channel reads through tap (i, j).
func (c *depthwiseCase) number(channel, y, x, i, j int) int16 {
	y, x = y*c.StrideY+i*c.DilationY-c.Top, x*c.StrideX+j*c.DilationX-c.Left
	if y < 0 || y >= c.Height || x < 0 || x >= c.Width {
		return 0
	}
	return c.first + c.step*int16(c.src[(channel*c.Height+y)*c.Width+x])
}

// level is the definition: output o at (y, x).
func (c *depthwiseCase) level(o, y, x int) uint8 {
	z, exact, bits := c.bias[o], int64(0), uint(0)
	if c.exact != nil {
		bits = c.exact.Bits
		exact = int64(c.exact.BiasLow[o])
	}
	for i := range c.KH {
		for j := range c.KW {
			number, weight := c.number(o*c.Channels/c.outputs, y, x, i, j), c.weights[(o*c.KH+i)*c.KW+j]
			if c.exact != nil {
				exact += int64(number) * (int64(weight)<<bits + int64(c.exact.Low[(o*c.KH+i)*c.KW+j]))
				continue
			}
			z += int32(math.Floor(float64(number)*float64(weight)/32768 + 0.5))
		}
	}
	return c.a.level(z + int32(exact>>bits))
}

// TestDepthwiseLUT compares every level with the definition.
func TestDepthwiseLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(6, 6))
		for range 150 {
			c := drawDepthwise(rng)
			d := c.filters(l)
			n, m := d.Memory()
			numbers, levels, src := guardedOf[int16](t, n), guardedOf[uint8](t, m), guardedOf[uint8](t, len(c.src))
			clear(numbers)
			for i := range levels {
				levels[i] = uint8(rng.IntN(256))
			}
			dst := guardedOf[uint8](t, c.outputs*c.OutHeight*c.OutWidth+LUTRoom)
			for run := range 2 { // padding stays what it is
				for i := range src {
					src[i] = c.src[(i+run)%len(c.src)]
				}
				l.DepthwiseLUT(dst, src, d, numbers, levels)
			}
			copy(c.src, src)
			for i := range c.outputs * c.OutHeight * c.OutWidth {
				o, y, x := i/(c.OutHeight*c.OutWidth), i/c.OutWidth%c.OutHeight, i%c.OutWidth
				if want := c.level(o, y, x); dst[i] != want {
					t.Fatalf("exact %v, %+v, %d outputs, block %d: output %d at %d, %d is %d, want %d", c.exact != nil, c.LUTWindow, c.outputs, c.block, o, y, x, dst[i], want)
				}
			}
		}
	})
}

// TestPlanesLUT: every tap of every window is where Taps and Pitch say.
func TestPlanesLUT(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(7, 7))
		for range 100 {
			c := drawDepthwise(rng)
			p := l.NewLUTPlanes(c.LUTWindow, c.first, c.step)
			dst, src := guardedOf[int16](t, p.Elems()), guardedOf[uint8](t, len(c.src))
			clear(dst)
			copy(src, c.src)
			l.PlanesLUT(dst, src, p, c.Channels)
			for k, tap := range p.Taps(0, c.Channels) {
				ch, i, j := k/(c.KH*c.KW), k/c.KW%c.KH, k%c.KW
				for at := range c.OutHeight * c.OutWidth {
					y, x := at/c.OutWidth, at%c.OutWidth
					if got, want := dst[int(tap)+y*p.Pitch()+x], c.number(ch, y, x, i, j); got != want {
						t.Fatalf("%+v: channel %d, output %d, %d, tap %d, %d reads %d, want %d", c.LUTWindow, ch, y, x, i, j, got, want)
					}
				}
			}
		}
	})
}

// TestDepthwiseLUTRefuses: what would read or write outside panics in Go.
func TestDepthwiseLUTRefuses(t *testing.T) {
	l := Best()
	c := drawDepthwise(rand.New(rand.NewPCG(8, 8)))
	p := l.NewLUTPlanes(c.LUTWindow, c.first, c.step)
	d := l.NewLUTDepthwise(p, c.weights, c.bias, c.block, c.a)
	n, m := d.Memory()
	numbers, levels, dst := make([]int16, n), make([]uint8, m), make([]uint8, c.outputs*c.OutHeight*c.OutWidth+LUTRoom)
	changed := func(f func(*LUTWindow)) func() {
		w := c.LUTWindow
		f(&w)
		return func() { l.NewLUTPlanes(w, 0, 2) }
	}
	for name, f := range map[string]func(){
		"short result":     func() { l.DepthwiseLUT(dst[1:], c.src, d, numbers, levels) },
		"short source":     func() { l.DepthwiseLUT(dst, c.src[1:], d, numbers, levels) },
		"short numbers":    func() { l.DepthwiseLUT(dst, c.src, d, numbers[1:], levels) },
		"short levels":     func() { l.DepthwiseLUT(dst, c.src, d, numbers, levels[1:]) },
		"other level":      func() { l.NewLUTDepthwise(Level(99).NewLUTPlanes(c.LUTWindow, 0, 2), c.weights, c.bias, 1, c.a) },
		"planes elsewhere": func() { Level(99).PlanesLUT(make([]int16, p.Elems()), c.src, p, c.Channels) },
		"short weights":    func() { l.NewLUTDepthwise(p, c.weights[1:], c.bias, 1, c.a) },
		"-32768":           func() { l.NewLUTDepthwise(p, append([]int16{math.MinInt16}, c.weights...), c.bias, 1, c.a) },
		"outputs":          func() { l.NewLUTDepthwise(p, c.weights, c.bias[:0], 1, c.a) },
		"short lower bits": func() { l.NewExactLUTDepthwise(p, c.weights, c.bias, ExactWeights{}, c.a) },
		"lower bits": func() {
			l.NewExactLUTDepthwise(p, c.weights, c.bias, ExactWeights{Low: c.weights, BiasLow: c.bias, Bits: 32}, c.a)
		},
		"no block":          func() { l.NewLUTDepthwise(p, c.weights, c.bias, 0, c.a) },
		"no stride":         changed(func(w *LUTWindow) { w.StrideX = 0 }),
		"no channels":       changed(func(w *LUTWindow) { w.Channels = 0 }),
		"negative padding":  changed(func(w *LUTWindow) { w.Left = -1 }),
		"too large":         changed(func(w *LUTWindow) { w.OutHeight, w.OutWidth = 1<<16, 1<<16 }),
		"numbers of planes": func() { l.PlanesLUT(make([]int16, p.Elems()-1), c.src, p, c.Channels) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	if n := testing.AllocsPerRun(20, func() { l.DepthwiseLUT(dst, c.src, d, numbers, levels) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDepthwiseLUT is a layer of a keyword spotter, and one of a network
// for photographs whose stride is 2.
func BenchmarkDepthwiseLUT(b *testing.B) {
	for name, w := range map[string]LUTWindow{
		"64x32x10":   {Channels: 64, Height: 32, Width: 10, OutHeight: 32, OutWidth: 10, KH: 3, KW: 3, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1, Top: 1, Left: 1},
		"32x48x48:2": {Channels: 32, Height: 48, Width: 48, OutHeight: 24, OutWidth: 24, KH: 3, KW: 3, StrideY: 2, StrideX: 2, DilationY: 1, DilationX: 1, Top: 1, Left: 1},
	} {
		for _, l := range []Level{AVX2, AVX512} {
			if !l.Supported() {
				continue
			}
			b.Run(fmt.Sprint(name, "/", l), func(b *testing.B) {
				d := l.NewLUTDepthwise(l.NewLUTPlanes(w, 0, 2), make([]int16, 9*w.Channels), make([]int32, w.Channels), 9, NewLUTActivation(4, 32, nil))
				n, m := d.Memory()
				numbers, levels := make([]int16, n), make([]uint8, m)
				src, dst := make([]uint8, w.Channels*w.Height*w.Width+LUTRoom), make([]uint8, w.Channels*w.OutHeight*w.OutWidth+LUTRoom)
				for b.Loop() {
					l.DepthwiseLUT(dst, src, d, numbers, levels)
				}
				b.ReportMetric(float64(9*w.Channels*w.OutHeight*w.OutWidth)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
			})
		}
	}
}
