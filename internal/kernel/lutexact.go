package kernel

// ExactLUTKernels is the level whose kernels l uses for exact products: an
// instruction of VNNI adds two of them, of 16 bits, to a sum of 32.
func (l Level) ExactLUTKernels() Level {
	switch {
	case l >= VNNI:
		return VNNI
	case l < AVX2: // NEON has none
		return Generic
	}
	return l
}

// CarryLUT adds what sums of lower bits carry to those of higher ones, which are
// as many rows, of n places, before them:
//
//	sums[o*LUTPlaces + i] += (sums[(len(bias)+o)*LUTPlaces + i] + bias[o]) >> bits, i < n
//
// Places behind these are undefined.
func (l Level) CarryLUT(sums []int32, n int, bias []int32, bits uint) {
	if n < 1 || n > l.LUTPlaces() || len(bias) == 0 || bits > 31 {
		panic("kernel: lut carry: size out of range")
	}
	need(sums, 2*len(bias)*l.LUTPlaces())
	if carryLUT(l, sums, n, bias, bits) {
		return
	}
	for o, b := range bias {
		low := sums[(len(bias)+o)*l.LUTPlaces():][:n]
		for i, z := range sums[o*l.LUTPlaces():][:n] {
			sums[o*l.LUTPlaces()+i] = z + (low[i]+b)>>(bits&31)
		}
	}
}
