package lut

import "math"

// simulate is docs/lut.md in float64: every number is an integer below 2^53,
// sums and floors are exact. It knows nothing of the engines.
func simulate(n *Network, inputs map[int][]float64) map[int][]float64 {
	v := inputs
	for _, l := range n.Layers {
		out := make([]float64, n.Tensors[l.Writes()].Elems())
		v[l.Writes()] = out
		switch l := l.(type) {
		case *Linear:
			simulateLinear(n, l, v, out)
		case *MaxPool:
			each(n, l.In, l.Out, l.Window, func(at int, taps []int) {
				for _, i := range taps {
					out[at] = math.Max(out[at], v[l.In][i])
				}
			})
		case *AvgPool:
			each(n, l.In, l.Out, l.Window, func(at int, taps []int) {
				z := refine(l.Bias, []int32{l.BiasLow}, 0, l.LowBits)
				for _, i := range taps {
					z += refine(l.Table[int(v[l.In][i])], l.Low, int(v[l.In][i]), l.LowBits)
				}
				out[at] = simulateActivation(&l.Activation, z, l.LowBits)
			})
		case *Sum:
			for i := range out {
				z := refine(l.Bias, []int32{l.BiasLow}, 0, l.LowBits)
				for j, in := range l.In {
					a, low := int(v[in][i]), append(l.Low, make([][]int32, len(l.In))...)[j]
					z += refine(l.Tables[j][a], low, a, l.LowBits)
				}
				out[i] = simulateActivation(&l.Activation, z, l.LowBits)
			}
		case *Concat:
			at := 0
			for j, in := range l.In {
				for _, a := range v[in] {
					if out[at] = a; l.Maps[j] != nil {
						out[at] = float64(l.Maps[j][int(a)])
					}
					at++
				}
			}
		case *Gather:
			for i, from := range l.From {
				if out[i] = float64(l.Fill); from >= 0 {
					out[i] = v[l.In][from]
				}
			}
		}
	}
	return v
}

// refine is high with lower bits, those of low[i].
func refine(high int32, low []int32, i int, bits uint) float64 {
	if bits == 0 {
		return float64(high)
	}
	return math.Ldexp(float64(high), int(bits)) + float64(low[i])
}

func simulateActivation(a *Activation, sum float64, bits uint) float64 {
	if a.Ends != nil {
		level := 0.0
		for _, end := range a.Ends {
			if sum >= float64(end) {
				level++
			}
		}
		return level
	}
	z := math.Floor(math.Ldexp(sum, -int(bits)))
	if math.Abs(z) > math.MaxInt32/2 {
		panic("sum too large")
	}
	if a.Bins == 0 {
		return z
	}
	bin := math.Max(0, math.Min(math.Floor(z/math.Ldexp(1, int(a.Shift))), float64(a.Bins-1)))
	if a.Map != nil {
		return float64(a.Map[int(bin)])
	}
	return bin
}

// each visits the windows of every channel with the indices of the taps that
// are inside.
func each(n *Network, in, out int, w Window, f func(at int, taps []int)) {
	x, y := &n.Tensors[in], &n.Tensors[out]
	for at := range y.Elems() {
		c, oy, ox := at/(y.H*y.W), at/y.W%y.H, at%y.W
		f(at, tapsOf(x, c, 1, oy, ox, w, -1))
	}
}

// tapsOf lists the input indices of a window over channels c...c+n-1, those
// outside as outside, or not at all if that is -1.
func tapsOf(x *Tensor, c, n, oy, ox int, w Window, outside int) []int {
	var taps []int
	for ch := c; ch < c+n; ch++ {
		for i := range w.KH {
			for j := range w.KW {
				iy, ix := oy*w.StrideY+i*w.DilationY-w.Top, ox*w.StrideX+j*w.DilationX-w.Left
				if iy >= 0 && iy < x.H && ix >= 0 && ix < x.W {
					taps = append(taps, (ch*x.H+iy)*x.W+ix)
				} else if outside != -1 {
					taps = append(taps, outside)
				}
			}
		}
	}
	return taps
}

func simulateLinear(n *Network, l *Linear, v map[int][]float64, out []float64) {
	x, y := &n.Tensors[l.In], &n.Tensors[l.Out]
	t := l.Table
	per, cols := x.C/l.Groups, l.Outputs/t.D
	const outside = -2
	for at := range out {
		o, oy, ox := at/(y.H*y.W), at/y.W%y.H, at%y.W
		z := refine(l.Bias[o], l.BiasLow, o, t.LowBits)
		for k, i := range tapsOf(x, o/(l.Outputs/l.Groups)*per, per, oy, ox, l.Window, outside) {
			if i == outside { // padding adds nothing
				continue
			}
			a, w := int(v[l.In][i]), int(l.Codes[k*cols+o/t.D])
			if t.Exact() {
				z += (float64(t.First) + float64(a)*float64(t.Step)) * (math.Ldexp(float64(t.Weights[w]), int(t.LowBits)) + float64(t.Low[w]))
			} else {
				z += float64(t.Entries[(a*t.Words+w)*t.D+o%t.D])
			}
		}
		if l.Residual >= 0 {
			r := int(v[l.Residual][at])
			z += refine(l.ResidualTable[r], l.ResidualLow, r, t.LowBits)
		}
		out[at] = simulateActivation(&l.Activation, z, t.LowBits)
	}
}
