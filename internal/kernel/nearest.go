package kernel

import "math"

// Nearest finds the codeword with the smallest half[k] - <x, c_k> for each of
// the vectors of x, where half[k] is |c_k|^2/2: the nearest codeword, the
// assignment step of k-means. A metric M enters by transformed codewords.
//
//	x      [n][d], n = len(dst)
//	planes [d][K]: component j of all codewords, K = len(half), 1 <= K <= 65536
//
// The smallest k wins ties; NaN never wins; 0 if nothing is below +Inf.
//
// All levels give identical results: products and differences are rounded
// separately, in the order s = half[k]; s -= x[0]*c[0]; s -= x[1]*c[1]; ...
func (l Level) Nearest(dst []uint16, x []float32, d int, planes, half []float32) {
	if d < 1 || len(half) < 1 || len(half) > 1<<16 {
		panic("kernel: nearest: size out of range")
	}
	need(x, len(dst)*d)
	need(planes, d*len(half))
	if len(dst) > 0 {
		nearest(l, dst, x, d, planes, half)
	}
}

func nearestGeneric(dst []uint16, x []float32, d int, planes, half []float32) {
	for i := range dst {
		dst[i] = nearestFrom(0, float32(math.Inf(1)), 0, x[i*d:][:d], planes, half)
	}
}

// nearestFrom searches the codewords from, from+1, ... for one that is nearer
// to v than codeword at, which has the value best.
func nearestFrom(from int, best float32, at int, v, planes, half []float32) uint16 {
	for k := from; k < len(half); k++ {
		s := half[k]
		for j, f := range v {
			s -= float32(f * planes[j*len(half)+k]) // the conversion forbids fusing
		}
		if s < best {
			best, at = s, k
		}
	}
	return uint16(at)
}
