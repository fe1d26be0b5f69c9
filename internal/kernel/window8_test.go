package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDepthwiseI8 compares with the product of matrices of one tap each.
func TestDepthwiseI8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(24, uint64(l)))
		for _, channels := range []int{1, 4, 15, 16, 17, 31, 32, 33, 64, 100} {
			for range 8 {
				d := randomDepthwise8(t, rng, channels)
				want, wantF := depthwiseReference8(d)
				l.DepthwiseI8(d)
				what := fmt.Sprintf("%d channels, width %d", channels, d.Width)
				if !slices.Equal(d.Out, want) {
					t.Fatalf("%s: %v, want %v", what, d.Out, want)
				}
				wantSame(t, what, d.OutF, wantF)
			}
		}
	})
}

// TestFilterI8 compares the fast form of depthwise convolutions with the other one.
func TestFilterI8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(28, uint64(l)))
		forms := map[filterForm]int{}
		for _, channels := range []int{4, 12, 16, 20, 32, 60, 64, 72, 144} {
			for _, size := range []int{3, 5} {
				for _, stride := range []int{1, 2, 3} {
					for _, width := range []int{1, 5, 17} {
						d := filterCase8(t, rng, channels, size, stride, width)
						if rng.IntN(4) == 0 {
							d.OutF, d.Out, d.OutScale, d.Lower, d.Upper = random(t, rng, len(d.Out)), nil, 0, nil, nil
						}
						want, wantF := depthwiseReference8(d)
						if d.Filter = l.PackDepthwiseI8(d); d.Filter == nil {
							if dotsBytes(l) {
								t.Fatalf("%d channels, size %d: not packed", channels, size)
							}
							continue
						}
						forms[d.Filter.form]++
						if l.DepthwiseI8(d); !slices.Equal(d.Out, want) {
							t.Fatalf("%d channels, size %d, stride %d, width %d, form %d: %v, want %v", channels, size, stride, width,
								d.Filter.form, d.Out, want)
						}
						wantSame(t, fmt.Sprintf("%d channels, size %d, stride %d, width %d", channels, size, stride, width), d.OutF, wantF)
					}
				}
			}
		}
		if dotsBytes(l) && len(forms) != 3 {
			t.Errorf("forms %v, want all three", forms)
		}
	})
}

// filterCase8 is a convolution that PackDepthwiseI8 takes.
func filterCase8(t testing.TB, rng *rand.Rand, channels, size, stride, width int) *DepthwiseI8Args {
	d := &DepthwiseI8Args{
		KH: size, KW: size, Width: width, Height: 1 + rng.IntN(3), Channels: channels, Stride: channels,
		Tap: channels, Step: stride * channels, OutStep: channels, Min: negInf, Max: posInf, OutScale: 0.01, OutZero: uint8(rng.IntN(256)),
	}
	if rng.IntN(4) == 0 { // pixels further apart
		d.OutStep += 4
	}
	d.Row = (width-1)*d.Step + size*d.Tap + 4*rng.IntN(3)
	d.Next = stride * d.Row
	d.OutNext = width*d.OutStep + 4*rng.IntN(3)
	d.In = randomBytes[uint8](t, rng, (size-1)*d.Row+(size-1)*d.Tap+(width-1)*d.Step+(d.Height-1)*d.Next+channels)
	d.Weights = randomBytes[int8](t, rng, size*size*channels)
	d.Scale = random(t, rng, channels)
	if rng.IntN(2) > 0 {
		d.Bias = random(t, rng, channels)
		d.Min, d.Max = -2, 6
	}
	if rng.IntN(2) > 0 {
		d.Lower, d.Upper = randomBounds8(t, rng, channels)
	}
	d.Out = randomBytes[uint8](t, rng, (d.Height-1)*d.OutNext+(width-1)*d.OutStep+channels)
	return d
}

func randomBounds8(t testing.TB, rng *rand.Rand, n int) (lower, upper []uint8) {
	lower, upper = randomBytes[uint8](t, rng, n), randomBytes[uint8](t, rng, n)
	for i := range lower {
		lower[i], upper[i] = min(lower[i], upper[i]), max(lower[i], upper[i])
	}
	return lower, upper
}

// depthwiseReference8 is the result of d, by products of matrices.
func depthwiseReference8(d *DepthwiseI8Args) ([]uint8, []float32) {
	want, wantF := slices.Clone(d.Out), slices.Clone(d.OutF)
	for i := range d.Height * d.Width {
		y, x := i/d.Width, i%d.Width
		for c := range d.Channels {
			tile := TileI8Args{M: 1, N: 1, Scale: d.Scale[c:], Min: d.Min, Max: d.Max, OutScale: d.OutScale, OutZero: d.OutZero}
			for ky := range d.KH {
				for kx := range d.KW {
					tile.A = append(tile.A, d.In[y*d.Next+ky*d.Row+kx*d.Tap+x*d.Step+c], 0, 0, 0)
					b := make([]int8, 4*cols8)
					b[0] = d.Weights[(ky*d.KW+kx)*d.Stride+c]
					tile.B = append(tile.B, b...)
				}
			}
			tile.Segs = []Segment{{0, len(tile.A)}}
			if d.Bias != nil {
				tile.Bias = d.Bias[c:]
			}
			if d.Residual != nil {
				tile.Residual = d.Residual[y*d.ResidualNext+x*d.ResidualStep+c:]
				tile.ResidualScale, tile.ResidualZero = d.ResidualQ.Scale, d.ResidualQ.Zero
			}
			at := y*d.OutNext + x*d.OutStep + c
			if d.Out != nil {
				tile.Out = want[at:]
			} else {
				tile.OutF = wantF[at:]
			}
			Generic.TileI8(&tile)
			if d.Out != nil && d.Lower != nil {
				want[at] = max(d.Lower[c], min(d.Upper[c], want[at]))
			}
		}
	}
	return want, wantF
}

func randomDepthwise8(t testing.TB, rng *rand.Rand, channels int) *DepthwiseI8Args {
	d := &DepthwiseI8Args{
		KH: 1 + rng.IntN(3), KW: 1 + rng.IntN(3), Width: 1 + rng.IntN(40), Height: 1 + rng.IntN(2), Channels: channels, Stride: channels + rng.IntN(3),
		OutStep: channels + rng.IntN(3), Min: negInf, Max: posInf, OutScale: 10, OutZero: uint8(rng.IntN(256)),
		Tap: rng.IntN(50), Step: rng.IntN(50), Row: rng.IntN(500), Next: rng.IntN(100),
	}
	d.OutNext = d.Width*d.OutStep + rng.IntN(3)
	d.In = randomBytes[uint8](t, rng, (d.KH-1)*d.Row+(d.KW-1)*d.Tap+(d.Width-1)*d.Step+(d.Height-1)*d.Next+channels)
	d.Weights = randomBytes[int8](t, rng, (d.KH*d.KW-1)*d.Stride+channels)
	d.Scale = random(t, rng, channels)
	size := (d.Height-1)*d.OutNext + (d.Width-1)*d.OutStep + channels
	if rng.IntN(2) > 0 {
		d.Bias = random(t, rng, channels)
		d.Min, d.Max = 0, 6
	}
	if rng.IntN(2) > 0 {
		d.Residual, d.ResidualQ = randomBytes[uint8](t, rng, size), Affine{0.01, uint8(rng.IntN(256))}
		d.ResidualStep, d.ResidualNext = d.OutStep, d.OutNext
	}
	if rng.IntN(2) > 0 {
		d.Lower, d.Upper = randomBounds8(t, rng, channels)
	}
	if rng.IntN(2) > 0 {
		d.Out = randomBytes[uint8](t, rng, size)
	} else {
		d.OutF = random(t, rng, size)
	}
	return d
}

// TestPoolU8 compares with the windows of PoolArgs, tap by tap.
func TestPoolU8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(25, uint64(l)))
		for _, channels := range []int{1, 4, 16, 31, 63, 64, 65, 200} {
			for range 10 {
				p := &PoolU8Args{
					KH: rng.IntN(4), KW: 1 + rng.IntN(4), InW: 1 + rng.IntN(9), StrideW: 1 + rng.IntN(3), DilationW: 1 + rng.IntN(2),
					Left: rng.IntN(3), Width: 1 + rng.IntN(6), Channels: channels, Divisor: rng.IntN(2) * 7,
					Pixel: channels + rng.IntN(3), OutStep: channels + rng.IntN(3),
					Q: Affine{0.1, uint8(rng.IntN(256))}, OutScale: 7, OutZero: uint8(rng.IntN(256)),
				}
				p.Row = p.InW*p.Pixel + rng.IntN(5)
				p.In = randomBytes[uint8](t, rng, max(0, (p.KH-1)*p.Row+(p.InW-1)*p.Pixel+channels))
				size := (p.Width-1)*p.OutStep + channels
				p.Out = randomBytes[uint8](t, rng, size)
				largest, average := poolReference8(p)
				l.MaxPoolU8(p)
				if !slices.Equal(p.Out, largest) {
					t.Fatalf("max of %d channels: %v, want %v", channels, p.Out, largest)
				}
				l.AvgPoolU8(p)
				for x := range p.Width {
					for c := range channels {
						at := x*p.OutStep + c
						if want := toByte(average[at], p.OutScale, p.OutZero); p.Out[at] != want {
							t.Fatalf("average %v is byte %d, want %d", average[at], p.Out[at], want)
						}
					}
				}
				p.Out, p.OutF = nil, random(t, rng, size)
				got := slices.Clone(p.OutF)
				for x := range p.Width {
					copy(got[x*p.OutStep:][:channels], average[x*p.OutStep:])
				}
				l.AvgPoolU8(p)
				wantSame(t, "average", p.OutF, got)
			}
		}
	})
}

func poolReference8(p *PoolU8Args) (largest []uint8, average []float32) {
	largest, average = slices.Clone(p.Out), make([]float32, len(p.Out))
	for x := range p.Width {
		for c := range p.Channels {
			sum, most, taps := int32(0), uint8(0), 0
			for ky := range p.KH {
				for kx := range p.KW {
					ix := x*p.StrideW - p.Left + kx*p.DilationW
					if ix < 0 || ix >= p.InW {
						continue
					}
					v := p.In[ky*p.Row+ix*p.Pixel+c]
					sum += int32(v) - int32(p.Q.Zero)
					most = max(most, v)
					taps++
				}
			}
			divisor := p.Divisor
			if divisor == 0 {
				divisor = max(taps, 1)
			}
			at := x*p.OutStep + c
			largest[at], average[at] = most, float32(sum)*(p.Q.Scale/float32(divisor))
		}
	}
	return largest, average
}

// TestElement8 compares the functions of elements with their definition.
func TestElement8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(26, uint64(l)))
		for n := range 70 {
			q, qa, qb := Affine{0.05, uint8(rng.IntN(256))}, Affine{0.03, uint8(rng.IntN(256))}, Affine{0.02, 7}
			x := random(t, rng, n)
			for i := range x {
				x[i] *= 3
			}
			if n%2 > 0 {
				sprinkle(rng, x)
			}
			got, want := randomBytes[uint8](t, rng, n), make([]uint8, n)
			quantizeGeneric(want, x, q)
			if l.Quantize(got, x, q); !slices.Equal(got, want) {
				t.Fatalf("quantize %v: %v, want %v", x, got, want)
			}
			bytes, table := randomBytes[uint8](t, rng, 6*n), [256]uint8{}
			for i := range table {
				table[i] = uint8(rng.IntN(256))
			}
			mapped, wantMapped := randomBytes[uint8](t, rng, n), make([]uint8, n)
			map8Generic(wantMapped, bytes[:n], &table)
			if l.MapU8(mapped, bytes[:n], &table); !slices.Equal(mapped, wantMapped) {
				t.Fatalf("map %v: %v, want %v", bytes[:n], mapped, wantMapped)
			}
			for groups := 1; groups <= 3; groups++ {
				shuffled := randomBytes[uint8](t, rng, 6*n)
				l.ShuffleU8(shuffled, bytes, groups)
				for i, v := range shuffled {
					if v != bytes[i%groups*(6*n/groups)+i/groups] {
						t.Fatalf("%d groups: byte %d of %v is not from %v", groups, i, shuffled, bytes)
					}
				}
			}
			for channels := 1; channels <= 4; channels++ {
				p := &planes8{n, channels, n + 3}
				if n == 0 {
					continue
				}
				src := random(t, rng, (channels-1)*p.plane+n)
				got, want := randomBytes[uint8](t, rng, 4*n), make([]uint8, 4*n)
				quantizePlanesGeneric(want, src, p, 0, q)
				if l.QuantizePlanes(got, src, n, channels, p.plane, q); !slices.Equal(got, want) {
					t.Fatalf("%d planes of %v: %v, want %v", channels, src, got, want)
				}
			}
			a := randomBytes[uint8](t, rng, n)
			y, wantY := random(t, rng, n), make([]float32, n)
			dequantizeGeneric(wantY, a, qa)
			l.Dequantize(y, a, qa)
			wantSame(t, "dequantize", y, wantY)
			b := randomBytes[uint8](t, rng, n)
			add8Generic(want, a, b, qa, qb, q, -1, 5)
			if n > 0 {
				lower, upper := randomBounds8(t, rng, n)
				got, want := slices.Concat(a, b), slices.Concat(a, b)
				clamp8Generic(want, lower, upper)
				if l.ClampU8(got, lower, upper); !slices.Equal(got, want) {
					t.Fatalf("clamp: %v, want %v", got, want)
				}
			}
			if l.AddU8(a, a, b, qa, qb, q, -1, 5); !slices.Equal(a, want) {
				t.Fatalf("add: %v, want %v", a, want)
			}
		}
	})
}

// TestQuantize knows the answers: halves go to even, NaN to the lowest.
func TestQuantize(t *testing.T) {
	q := Affine{2, 10}
	got := make([]uint8, 8)
	Generic.Quantize(got, []float32{1, 3, -1, -3, nan, posInf, negInf, 4}, q)
	if want := []uint8{10, 12, 10, 8, 0, 255, 0, 12}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func BenchmarkWindow8(b *testing.B) {
	for l := Generic; l < levels; l++ {
		if !l.Supported() || l == AMX {
			continue
		}
		const width, channels = 56, 64
		in, out := make([]uint8, 3*(width+2)*channels), make([]uint8, width*channels)
		d := &DepthwiseI8Args{In: in, Row: (width + 2) * channels, Tap: channels, Step: channels, KH: 3, KW: 3,
			Weights: make([]int8, 9*channels), Stride: channels, Width: width, Height: 1, Channels: channels,
			Scale: make([]float32, channels), Max: 6, Out: out, OutScale: 1, OutStep: channels}
		fast := *d
		fast.Filter = l.PackDepthwiseI8(d)
		p := &PoolU8Args{In: in, Row: d.Row, Pixel: channels, InW: width + 2, KH: 3, KW: 3, StrideW: 1, DilationW: 1,
			OutStep: channels, Width: width, Channels: channels, Out: out, Q: Affine{1, 0}, OutScale: 1}
		x := make([]float32, len(out))
		b.Run(fmt.Sprintf("%v/depthwise", l), func(b *testing.B) { benchmark(b, 9*len(out), "MAC", func() { l.DepthwiseI8(d) }) })
		b.Run(fmt.Sprintf("%v/filter", l), func(b *testing.B) { benchmark(b, 9*len(out), "MAC", func() { l.DepthwiseI8(&fast) }) })
		b.Run(fmt.Sprintf("%v/max", l), func(b *testing.B) { benchmark(b, 9*len(out), "tap", func() { l.MaxPoolU8(p) }) })
		b.Run(fmt.Sprintf("%v/average", l), func(b *testing.B) { benchmark(b, 9*len(out), "tap", func() { l.AvgPoolU8(p) }) })
		b.Run(fmt.Sprintf("%v/quantize", l), func(b *testing.B) { benchmark(b, len(out), "number", func() { l.Quantize(out, x, p.Q) }) })
		b.Run(fmt.Sprintf("%v/add", l), func(b *testing.B) {
			benchmark(b, len(out), "number", func() { l.AddU8(out, out, out, p.Q, p.Q, p.Q, 0, 1) })
		})
	}
}
