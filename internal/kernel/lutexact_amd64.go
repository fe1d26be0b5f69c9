//go:build !purego

package kernel

// exact calls the kernel of exact products for a number of outputs and of
// vectors of places.
func (c *lutSumCall) exact(l Level, outputs, vectors int) {
	switch l.ExactLUTKernels() {
	case AVX2:
		c.exactAVX2(outputs, vectors)
	case AVXVNNI:
		c.exactAVXVNNI(outputs, vectors)
	case AVX512:
		c.exactAVX512(outputs, vectors)
	case VNNI:
		c.exactVNNI(outputs, vectors)
	}
}

func (c *lutSumCall) exactAVX2(outputs, vectors int) {
	switch 10*outputs + vectors {
	case 11:
		lutExact1x1AVX2(c)
	case 12:
		lutExact1x2AVX2(c)
	case 13:
		lutExact1x3AVX2(c)
	case 41:
		lutExact4x1AVX2(c)
	case 42:
		lutExact4x2AVX2(c)
	case 43:
		lutExact4x3AVX2(c)
	}
}

func (c *lutSumCall) exactAVXVNNI(outputs, vectors int) {
	switch 10*outputs + vectors {
	case 11:
		lutExact1x1AVXVNNI(c)
	case 12:
		lutExact1x2AVXVNNI(c)
	case 13:
		lutExact1x3AVXVNNI(c)
	case 41:
		lutExact4x1AVXVNNI(c)
	case 42:
		lutExact4x2AVXVNNI(c)
	case 43:
		lutExact4x3AVXVNNI(c)
	}
}

func (c *lutSumCall) exactAVX512(outputs, vectors int) {
	switch 10*outputs + vectors {
	case 11:
		lutExact1x1AVX512(c)
	case 12:
		lutExact1x2AVX512(c)
	case 13:
		lutExact1x3AVX512(c)
	case 41:
		lutExact4x1AVX512(c)
	case 42:
		lutExact4x2AVX512(c)
	case 43:
		lutExact4x3AVX512(c)
	case 81:
		lutExact8x1AVX512(c)
	case 82:
		lutExact8x2AVX512(c)
	case 83:
		lutExact8x3AVX512(c)
	}
}

func (c *lutSumCall) exactVNNI(outputs, vectors int) {
	switch 10*outputs + vectors {
	case 11:
		lutExact1x1VNNI(c)
	case 12:
		lutExact1x2VNNI(c)
	case 13:
		lutExact1x3VNNI(c)
	case 41:
		lutExact4x1VNNI(c)
	case 42:
		lutExact4x2VNNI(c)
	case 43:
		lutExact4x3VNNI(c)
	case 81:
		lutExact8x1VNNI(c)
	case 82:
		lutExact8x2VNNI(c)
	case 83:
		lutExact8x3VNNI(c)
	}
}

// lutCarryCall is what the assembly of CarryLUT reads.
type lutCarryCall struct {
	sums    *int32
	low     *int32
	bias    *int32
	rows    int // >= 1
	vectors int // >= 1
	bits    int32
}

// carryLUT reports whether l has vectors.
func carryLUT(l Level, sums []int32, n int, bias []int32, bits uint) bool {
	if l <= Fused {
		return false
	}
	call := lutCarryCall{&sums[0], &sums[len(bias)*l.LUTPlaces()], &bias[0], len(bias), (n + l.lutLanes() - 1) / l.lutLanes(), int32(bits)}
	if l.wideLUT() {
		lutCarryAVX512(&call)
	} else {
		lutCarryAVX2(&call)
	}
	return true
}
