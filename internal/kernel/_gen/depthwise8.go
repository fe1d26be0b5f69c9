package main

import "fmt"

// genDepthwise8 writes convolutions of bytes with one square filter per
// channel.
func genDepthwise8(f *file) {
	// Byte i of each 128-bit lane, i = 4j to 4j+3, as the low byte of a word.
	var single []uint64
	for i := range uint64(16) {
		single = append(single, 0x80808000|i)
	}
	f.data32("single", single...)
	depthwise8(f, 3, false, false)
	depthwise8(f, 3, true, false)
	depthwise8(f, 5, false, false)
	depthwise8(f, 3, false, true)
	depthwise8(f, 5, false, true)
}

// Registers of depthwise8. Vectors: 0 to 3 sums, 8 to 11 bytes under four taps,
// 12 to 15 and 16 to 19 the same interleaved, 20 the second half of a load, 21
// the places of every other pixel, 24 to 27 shuffles of a tap alone, 28 1/scale
// of the result, 29 its zero point.
const (
	cArgs, cIn, cOut, cRecord, cChunks = "AX", "SI", "DI", "DX", "CX"
	cRow, cRowThree, cTap              = "R8", "R9", "BX"
	cLeft                              = "R15" // positions
)

// cTapPointers point to the taps of the first row of a filter.
var cTapPointers = []string{cIn, "R10", "R11", "R12", "R13"}

// depthwise8 writes some rows for a filter of size x size taps, 64 bytes at a
// time. The bytes under four taps are interleaved, so that VPDPBUSD sums them
// for 16 channels; what follows the sums comes from the record of the weights.
// If halved, the bytes of an output are spread over 128 bytes of each tap. If
// floats, the result is float32.
func depthwise8(f *file, size int, halved, floats bool) {
	name, what, read, write := fmt.Sprintf("depthwise8x%d", size), "", 64, 64
	if halved {
		name, what, read = name+"Halved", ", every other pixel", 128
	}
	if floats {
		name, what, write = name+"Float", what+", in float32", 256
	}
	f.begin(name+"VNNI", "c *depthwise8Call", fmt.Sprintf("computes rows for filters of %dx%d taps%s; see filter8.", size, size, what))
	f.op("MOVQ c+0(FP), %s", cArgs)
	f.op("MOVQ depthwise8Call_row(%s), %s", cArgs, cRow)
	f.op("LEAQ (%[1]s)(%[1]s*2), %[2]s", cRow, cRowThree)
	f.op("MOVQ depthwise8Call_tap(%s), %s", cArgs, cTap)
	f.op("VBROADCASTSS depthwise8Call_outScale(%s), Z28", cArgs)
	f.op("VPBROADCASTW depthwise8Call_outZero(%s), Z29", cArgs)
	if floats {
		f.op("VBROADCASTSS depthwise8Call_min(%s), Z30", cArgs)
		f.op("VBROADCASTSS depthwise8Call_max(%s), Z31", cArgs)
	}
	for j := range 4 {
		f.op("VBROADCASTI32X4 single<>+%d(SB), Z%d", 16*j, 24+j)
	}
	if halved {
		f.op("MOVQ depthwise8Call_places(%s), CX", cArgs)
		f.op("VMOVDQU32 (CX), Z21")
	}
	f.label("row")
	f.op("MOVQ depthwise8Call_in(%s), %s", cArgs, cIn)
	f.op("MOVQ depthwise8Call_out(%s), %s", cArgs, cOut)
	f.op("MOVQ depthwise8Call_positions(%s), %s", cArgs, cLeft)
	f.label("position")
	f.op("MOVQ depthwise8Call_chunks(%s), %s", cArgs, cChunks)
	f.op("MOVQ depthwise8Call_records(%s), %s", cArgs, cRecord)
	f.label("chunk")
	depthwise8Masks(f, halved, floats)
	depthwise8Sums(f, size, halved)
	if floats {
		depthwise8FinishFloats(f, depthwise8Groups(size)*256)
	} else {
		depthwise8Finish(f, depthwise8Groups(size)*256)
	}
	f.op("ADDQ $%d, %s", depthwise8Groups(size)*256+640, cRecord)
	f.op("ADDQ $%d, %s", read, cIn)
	f.op("ADDQ $%d, %s", write, cOut)
	f.op("DECQ %s", cChunks)
	f.op("JNZ chunk")
	f.op("ADDQ depthwise8Call_inSkip(%s), %s", cArgs, cIn)
	f.op("ADDQ depthwise8Call_outSkip(%s), %s", cArgs, cOut)
	f.op("DECQ %s", cLeft)
	f.op("JNZ position")
	for _, p := range []string{"in", "out"} {
		f.op("MOVQ depthwise8Call_%sNext(%s), CX", p, cArgs)
		f.op("ADDQ CX, depthwise8Call_%s(%s)", p, cArgs)
	}
	f.op("DECQ depthwise8Call_height(%s)", cArgs)
	f.op("JNZ row")
	f.end()
}

// depthwise8Groups is the number of groups of four taps of a filter.
func depthwise8Groups(size int) int { return (size*size + 3) / 4 }

// depthwise8Masks sets K1 and K2 to the words to load, K3, or K4 to K7, to those
// to store: all but in the last chunk of a position.
func depthwise8Masks(f *file, halved, floats bool) {
	f.op("KXNORW K1, K1, K1")
	f.op("KXNORW K3, K3, K3")
	if halved {
		f.op("KMOVW depthwise8Call_second(%s), K2", cArgs)
	}
	if floats {
		for j := range 4 {
			f.op("KXNORW K%[1]d, K%[1]d, K%[1]d", 4+j)
		}
	}
	f.op("CMPQ %s, $1", cChunks)
	f.op("JNE whole")
	f.op("KMOVW depthwise8Call_last(%s), K1", cArgs)
	f.op("KMOVW depthwise8Call_lastOut(%s), K3", cArgs)
	if halved {
		f.op("KMOVW depthwise8Call_lastSecond(%s), K2", cArgs)
	}
	if floats {
		for j := range 4 {
			f.op("KMOVW depthwise8Call_lastF+%d(%s), K%d", 2*j, cArgs, 4+j)
		}
	}
	f.label("whole")
}

// depthwise8Sums adds up the products under all taps.
func depthwise8Sums(f *file, size int, halved bool) {
	for i := 1; i < size; i++ {
		f.op("LEAQ (%s)(%s*1), %s", cTapPointers[i-1], cTap, cTapPointers[i])
	}
	for j := range 4 {
		f.zero(avx512, j)
	}
	taps := size * size
	for g := range depthwise8Groups(size) {
		n := min(4, taps-4*g)
		for i := range n {
			depthwise8Load(f, size, 4*g+i, 8+i, halved)
		}
		if n == 4 {
			interleave(f)
		} else { // one: size is odd
			for j := range 4 {
				f.op("VPSHUFB Z%d, Z8, Z%d", 24+j, 16+j)
			}
		}
		for j := range 4 {
			f.op("VPDPBUSD %d(%s), Z%d, Z%d", 256*g+64*j, cRecord, 16+j, j)
		}
	}
}

// depthwise8Load loads the bytes under a tap.
func depthwise8Load(f *file, size, tap, reg int, halved bool) {
	rows := []string{"", "(" + cRow + "*1)", "(" + cRow + "*2)", "(" + cRowThree + "*1)", "(" + cRow + "*4)"}
	at := "(" + cTapPointers[tap%size] + ")" + rows[tap/size]
	f.op("VMOVDQU32.Z %s, K1, Z%d", at, reg)
	if halved {
		f.op("VMOVDQU32.Z 64%s, K2, Z20", at)
		f.op("VPERMT2D Z20, Z21, Z%d", reg)
	}
}

// interleave makes words of four bytes each, one of Z8, Z9, Z10 and Z11: lane L
// of Z(16+j) holds those of bytes 16L+4j to 16L+4j+3.
func interleave(f *file) {
	f.op("VPUNPCKLBW Z9, Z8, Z12")
	f.op("VPUNPCKHBW Z9, Z8, Z13")
	f.op("VPUNPCKLBW Z11, Z10, Z14")
	f.op("VPUNPCKHBW Z11, Z10, Z15")
	f.op("VPUNPCKLWD Z14, Z12, Z16")
	f.op("VPUNPCKHWD Z14, Z12, Z17")
	f.op("VPUNPCKLWD Z15, Z13, Z18")
	f.op("VPUNPCKHWD Z15, Z13, Z19")
}

// depthwise8Finish turns sums into bytes; at is the place of the scales in the
// record. Packing undoes the order of interleave.
func depthwise8Finish(f *file, at int) {
	for j := range 4 {
		f.op("VCVTDQ2PS Z%[1]d, Z%[1]d", j)
		f.op("VMULPS %d(%s), Z%d, Z%d", at+64*j, cRecord, j, j)
		f.op("VADDPS %d(%s), Z%d, Z%d", at+256+64*j, cRecord, j, j)
		f.op("VMULPS Z28, Z%[1]d, Z%[1]d", j)
		f.op("VCVTPS2DQ Z%[1]d, Z%[1]d", j)
	}
	f.op("VPACKSSDW Z1, Z0, Z0")
	f.op("VPACKSSDW Z3, Z2, Z2")
	f.op("VPADDSW Z29, Z0, Z0")
	f.op("VPADDSW Z29, Z2, Z2")
	f.op("VPACKUSWB Z2, Z0, Z0")
	f.op("VPMAXUB %d(%s), Z0, Z0", at+512, cRecord)
	f.op("VPMINUB %d(%s), Z0, Z0", at+576, cRecord)
	f.op("VMOVDQU32 Z0, K3, (%s)", cOut)
}

// depthwise8FinishFloats turns sums into float32 and stores them in order.
func depthwise8FinishFloats(f *file, at int) {
	for j := range 4 {
		f.op("VCVTDQ2PS Z%[1]d, Z%[1]d", j)
		f.op("VMULPS %d(%s), Z%d, Z%d", at+64*j, cRecord, j, j)
		f.op("VADDPS %d(%s), Z%d, Z%d", at+256+64*j, cRecord, j, j)
		f.op("VMAXPS Z%[1]d, Z30, Z%[1]d", j)
		f.op("VMINPS Z%[1]d, Z31, Z%[1]d", j)
	}
	// Lane L of sums j becomes lane j of Z(12+L).
	for i, p := range [][2]int{{0x44, 0}, {0xee, 0}, {0x44, 2}, {0xee, 2}} {
		f.op("VSHUFF32X4 $%#x, Z%d, Z%d, Z%d", p[0], p[1]+1, p[1], 8+i)
	}
	for i, p := range [][2]int{{0x88, 8}, {0xdd, 8}, {0x88, 9}, {0xdd, 9}} {
		f.op("VSHUFF32X4 $%#x, Z%d, Z%d, Z%d", p[0], p[1]+2, p[1], 12+i)
	}
	for i := range 4 {
		f.op("VMOVUPS Z%d, K%d, %d(%s)", 12+i, 4+i, 64*i, cOut)
	}
}
