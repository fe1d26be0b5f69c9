package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDepthwise compares random geometries with the definition in float64.
func TestDepthwise(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(5, uint64(l)))
		for channels := 1; channels < 70; channels++ {
			for range 4 {
				t.Run(fmt.Sprint(channels), func(t *testing.T) {
					d := randomDepthwise(t, rng, channels)
					want, bound := depthwiseReference(d)
					l.Depthwise(d)
					wantClose(t, fmt.Sprintf("%dx%d, width %d", d.KH, d.KW, d.Width), d.Out, want, bound)
				})
			}
		}
	})
}

func randomDepthwise(t testing.TB, rng *rand.Rand, channels int) *DepthwiseArgs {
	d := &DepthwiseArgs{
		KH: 1 + rng.IntN(7), KW: 1 + rng.IntN(7), Width: 1 + rng.IntN(20), Channels: channels,
		Min: negInf, Max: posInf,
	}
	pixel := channels + rng.IntN(3)
	d.Tap, d.Step = pixel*(1+rng.IntN(2)), pixel*(1+rng.IntN(3))
	d.Row = (d.KW-1)*d.Tap + rng.IntN(9)
	d.OutStep = channels + rng.IntN(3)
	d.In = random(t, rng, (d.KH-1)*d.Row+(d.KW-1)*d.Tap+(d.Width-1)*d.Step+channels)
	d.Weights = random(t, rng, d.KH*d.KW*channels)
	d.Out = random(t, rng, (d.Width-1)*d.OutStep+channels)
	if rng.IntN(3) > 0 {
		d.Scale = random(t, rng, channels)
	}
	if rng.IntN(3) > 0 {
		d.Bias = random(t, rng, channels)
	}
	if rng.IntN(2) > 0 {
		d.Min, d.Max = 0, 6
	}
	return d
}

func depthwiseReference(d *DepthwiseArgs) (want, bound []float64) {
	for _, v := range d.Out {
		want, bound = append(want, float64(v)), append(bound, 0)
	}
	for x := range d.Width {
		for c := range d.Channels {
			sum, size := 0.0, 0.0
			for ky := range d.KH {
				for kx := range d.KW {
					p := float64(d.In[ky*d.Row+x*d.Step+kx*d.Tap+c]) * float64(d.Weights[(ky*d.KW+kx)*d.Channels+c])
					sum, size = sum+p, size+math.Abs(p)
				}
			}
			scale, bias := 1.0, 0.0
			if d.Scale != nil {
				scale = float64(d.Scale[c])
			}
			if d.Bias != nil {
				bias = float64(d.Bias[c])
			}
			at := x*d.OutStep + c
			want[at] = min(max(sum*scale+bias, float64(d.Min)), float64(d.Max))
			bound[at] = float64(d.KH*d.KW+3)*0x1p-24*(size*math.Abs(scale)+math.Abs(bias)) + 1e-44
		}
	}
	return want, bound
}

// TestDepthwisePixelsAgree: a pixel is the same, bit by bit, in a row of any width.
func TestDepthwisePixelsAgree(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(6, 6))
		d := randomDepthwise(t, rng, 37)
		d.Width = 1
		d.Width = 1 + (len(d.Out)-d.Channels)/d.OutStep
		whole := *d
		whole.Out = slices.Clone(d.Out)
		l.Depthwise(&whole)
		for x := range d.Width {
			one := *d
			one.Width, one.In, one.Out = 1, d.In[x*d.Step:], d.Out[x*d.OutStep:]
			l.Depthwise(&one)
		}
		wantSame(t, "pixel by pixel", d.Out, whole.Out)
	})
}

// randomPool is a pooling of a row with borders.
func randomPool(t testing.TB, rng *rand.Rand, channels int) *PoolArgs {
	p := &PoolArgs{
		InW: 1 + rng.IntN(20), KH: rng.IntN(5), KW: 1 + rng.IntN(5),
		StrideW: 1 + rng.IntN(3), DilationW: 1 + rng.IntN(2), Left: rng.IntN(4),
		Width: 1 + rng.IntN(12), Channels: channels, Divisor: rng.IntN(2) * 9,
	}
	p.Pixel = channels + rng.IntN(3)
	p.Row = p.InW*p.Pixel + rng.IntN(3)
	p.OutStep = channels + rng.IntN(3)
	if p.KH > 0 {
		p.In = random(t, rng, (p.KH-1)*p.Row+(p.InW-1)*p.Pixel+channels)
	}
	p.Out = random(t, rng, (p.Width-1)*p.OutStep+channels)
	return p
}

// poolReference is the definition in float64.
func poolReference(p *PoolArgs, largest bool) (want, bound []float64) {
	for _, v := range p.Out {
		want, bound = append(want, float64(v)), append(bound, 0)
	}
	for x := range p.Width {
		for c := range p.Channels {
			sum, size, top, taps := 0.0, 0.0, math.Inf(-1), 0
			for ky := range p.KH {
				for kx := range p.KW {
					if ix := x*p.StrideW - p.Left + kx*p.DilationW; ix >= 0 && ix < p.InW {
						v := float64(p.In[ky*p.Row+ix*p.Pixel+c])
						sum, size, taps = sum+v, size+math.Abs(v), taps+1
						if v > top {
							top = v
						}
					}
				}
			}
			at := x*p.OutStep + c
			if largest {
				want[at] = top
				continue
			}
			divisor := float64(p.Divisor)
			if p.Divisor == 0 {
				divisor = float64(max(taps, 1))
			}
			want[at], bound[at] = sum/divisor, float64(taps+1)*0x1p-24*size+1e-44
		}
	}
	return want, bound
}

func TestPool(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(7, uint64(l)))
		for channels := 1; channels < 70; channels++ {
			for i := range 8 {
				t.Run(fmt.Sprint(channels), func(t *testing.T) {
					p := randomPool(t, rng, channels)
					what := fmt.Sprintf("kernel %dx%d, stride %d, dilation %d, left %d, width %d, row %d", p.KH, p.KW, p.StrideW, p.DilationW, p.Left, p.Width, p.InW)
					if i%3 == 0 {
						sprinkle(rng, p.In)
						want, bound := poolReference(p, true)
						l.MaxPool(p)
						wantClose(t, "max, "+what, p.Out, want, bound)
						return
					}
					want, bound := poolReference(p, false)
					l.AvgPool(p)
					wantClose(t, "average, "+what, p.Out, want, bound)
				})
			}
		}
	})
}

// TestWindowChecks: slices that are too short panic in Go, not in assembly.
func TestWindowChecks(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		depthwise := map[string]func(*DepthwiseArgs){
			"short in":      func(d *DepthwiseArgs) { d.In = d.In[:len(d.In)-1] },
			"short weights": func(d *DepthwiseArgs) { d.Weights = d.Weights[:len(d.Weights)-1] },
			"short out":     func(d *DepthwiseArgs) { d.Out = d.Out[:len(d.Out)-1] },
			"short scale":   func(d *DepthwiseArgs) { d.Scale = make([]float32, 15) },
			"short bias":    func(d *DepthwiseArgs) { d.Bias = make([]float32, 15) },
			"no taps":       func(d *DepthwiseArgs) { d.KW = 0 },
			"negative step": func(d *DepthwiseArgs) { d.Step = -1 },
			"overlap":       func(d *DepthwiseArgs) { d.Width, d.OutStep = 2, 15 },
		}
		rng := rand.New(rand.NewPCG(8, 8))
		for name, breakIt := range depthwise {
			d := randomDepthwise(t, rng, 16)
			breakIt(d)
			if !panics(func() { l.Depthwise(d) }) {
				t.Errorf("depthwise, %s: no panic", name)
			}
		}
		pool := map[string]func(*PoolArgs){
			"short in":  func(p *PoolArgs) { p.KH, p.In = 1, make([]float32, (p.InW-1)*p.Pixel+15) },
			"short out": func(p *PoolArgs) { p.Out = p.Out[:len(p.Out)-1] },
			"no stride": func(p *PoolArgs) { p.StrideW = 0 },
			"overlap":   func(p *PoolArgs) { p.Width, p.OutStep = 2, 15 },
		}
		for name, breakIt := range pool {
			p := randomPool(t, rng, 16)
			breakIt(p)
			if !panics(func() { l.MaxPool(p) }) {
				t.Errorf("pool, %s: no panic", name)
			}
		}
	})
}

func BenchmarkDepthwise(b *testing.B) {
	for l := Generic; l < levels; l++ {
		if !l.Supported() {
			continue
		}
		for _, s := range []struct{ width, channels, k, stride int }{{112, 32, 3, 1}, {56, 144, 3, 2}, {14, 576, 3, 1}, {7, 960, 3, 1}, {14, 240, 5, 1}} {
			b.Run(fmt.Sprintf("%v/%dx%d_%dx%d_s%d", l, s.width, s.channels, s.k, s.k, s.stride), func(b *testing.B) {
				d := &DepthwiseArgs{
					KH: s.k, KW: s.k, Width: s.width, Channels: s.channels, Min: 0, Max: 6,
					Tap: s.channels, Step: s.stride * s.channels, OutStep: s.channels,
					Row: (s.width*s.stride + s.k) * s.channels,
				}
				rng := rand.New(rand.NewPCG(1, 1)) // Fused does zeros faster
				d.In = normal(b, rng, s.k*d.Row)
				d.Weights = normal(b, rng, s.k*s.k*s.channels)
				d.Out = make([]float32, s.width*s.channels)
				d.Scale, d.Bias = make([]float32, s.channels), make([]float32, s.channels)
				benchmark(b, s.width*s.channels*s.k*s.k, "MAC", func() { l.Depthwise(d) })
			})
		}
	}
}
