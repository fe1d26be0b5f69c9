//go:build !purego

package kernel

import "unsafe"

// sum8Call is what the assembly that sums windows reads; strides are in bytes.
type sum8Call struct {
	sums                   *[cols8]int32
	in                     *uint8
	weights                *int8
	row, tap, step, stride int
	kh, kw                 int    // >= 1
	mask                   uint32 // channels
}

// max8Call is what the assembly of MaxPoolU8 reads; strides are in bytes.
type max8Call struct {
	in, out  *uint8
	row, tap int
	kh, kw   int // >= 1
	channels int // >= 1
	// AVX-512: windows, and bytes from behind the last 64 channels of a pixel to the next pixel
	pixels, inSkip, outSkip int
}

// ones are the weights of a sum of bytes.
var ones = [cols8]int8{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}

func sum8(l Level, sums [][cols8]int32, w *window8, x, c, n int) {
	if l <= Fused || w.kh*w.kw == 0 {
		sum8Generic(sums, w, x, c, 0, n)
		return
	}
	if l < AVX512 {
		sum256(sums, w, x, c, n)
		return
	}
	call := sum8Call{
		weights: &ones[0], row: w.row, tap: w.tap, step: w.step, kh: w.kh, kw: w.kw, mask: uint32(1<<n - 1),
	}
	if w.weights != nil {
		call.weights, call.stride = &w.weights[c], w.stride
	}
	for i := 0; i < len(sums); {
		call.sums, call.in = &sums[i], &w.in[(x+i)*w.step+c]
		if len(sums)-i >= 4 {
			sum8x4AVX512(&call)
			i += 4
		} else {
			sum8AVX512(&call)
			i++
		}
	}
}

// sum256 is sum8 in vectors of 256 bits: 8 channels at a time, then the others.
func sum256(sums [][cols8]int32, w *window8, x, c, n int) {
	call := sum8Call{weights: &ones[0], row: w.row, tap: w.tap, step: w.step, kh: w.kh, kw: w.kw}
	whole := n &^ 7
	for from := 0; from < whole; from += 8 {
		if w.weights != nil {
			call.weights, call.stride = &w.weights[c+from], w.stride
		}
		for i := 0; i < len(sums); {
			at := &w.in[(x+i)*w.step+c+from]
			call.sums, call.in = (*[cols8]int32)(unsafe.Pointer(&sums[i][from])), at
			if len(sums)-i >= 4 {
				sum8x4AVX2(&call)
				i += 4
			} else {
				sum8AVX2(&call)
				i++
			}
		}
	}
	if whole < n {
		sum8Generic(sums, w, x, c, whole, n)
	}
}

func max8(l Level, out []uint8, step, channels, pixels int, w *window8) {
	if l <= Fused || w.kh*w.kw == 0 {
		max8Generic(out, step, channels, pixels, w)
		return
	}
	c := max8Call{in: &w.in[0], out: &out[0], row: w.row, tap: w.tap, kh: w.kh, kw: w.kw, channels: channels, pixels: pixels}
	if l >= AVX512 {
		chunks := roundUp64(channels)
		c.inSkip, c.outSkip = w.step-chunks, step-chunks
		max8AVX512(&c)
		return
	}
	rest := *w
	if c.channels &^= 31; c.channels > 0 {
		for x := range pixels {
			c.in, c.out = &w.in[x*w.step], &out[x*step]
			max8AVX2(&c)
		}
		if c.channels == channels {
			return
		}
		rest.in = w.in[c.channels:]
	}
	max8Generic(out[c.channels:], step, channels-c.channels, pixels, &rest)
}

func roundUp64(n int) int { return (n + 63) &^ 63 }
