package main

import (
	"fmt"
	"strings"
)

// genTile16 writes the kernels of bfloat16 that go without tiles.
func genTile16(f *file) {
	tile16(f)
	finish16(f)
	roundPlanes16(f)
	maxRows16(f)
	element8(f, "round16", "rounds to bfloat16; see RoundBF16.", func() {
		f.op("VMOVUPS (SI), Z0")
		f.roundHalf(0, 0)
		f.op("VMOVDQU Y0, (DI)")
		f.op("ADDQ $64, SI")
		f.op("ADDQ $32, DI")
	})
	element8(f, "widen16", "makes float32 of bfloat16; see WidenBF16.", func() {
		f.op("VPMOVZXWD (SI), Z0")
		f.op("VPSLLD $16, Z0, Z0")
		f.op("VMOVUPS Z0, (DI)")
		f.op("ADDQ $32, SI")
		f.op("ADDQ $64, DI")
	})
}

// roundPlanes16 rounds 16 pixels at a time: two channels make a register of
// pairs. Channels that there are not are loaded under an empty mask.
func roundPlanes16(f *file) {
	f.begin("roundPlanes16AVX512", "c *planes16Call", "rounds planes to bfloat16; see RoundPlanesBF16.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"src", "SI"}, {"n", "R9"}, {"plane", "R8"}, {"channels", "CX"}} {
		f.op("MOVQ planes16Call_%s(AX), %s", p[0], p[1])
	}
	f.op("LEAQ (R8)(R8*2), R10")
	for c := range 4 {
		f.op("XORL BX, BX")
		f.op("MOVL $0xffff, DX")
		f.op("CMPQ CX, $%d", c)
		f.op("CMOVLGT DX, BX")
		f.op("KMOVW BX, K%d", 1+c)
	}
	f.op("VMOVDQU64 roundPlanes16Order<>(SB), Z6")
	f.op("VMOVDQU64 roundPlanes16Order<>+64(SB), Z7")
	f.label("loop")
	for c, at := range []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R10*1)"} {
		f.op("VMOVUPS.Z %s, K%d, Z%d", at, 1+c, c)
		f.roundHalf(c, c)
		f.op("VPMOVZXWD Y%d, Z%d", c, c)
	}
	for c := 0; c < 4; c += 2 {
		f.op("VPSLLD $16, Z%d, Z%d", c+1, c+1)
		f.op("VPORD Z%d, Z%d, Z%d", c+1, c, c)
	}
	f.op("VMOVDQA64 Z0, Z1")
	f.op("VPERMT2D Z2, Z6, Z0")
	f.op("VPERMT2D Z2, Z7, Z1")
	f.op("VMOVDQU64 Z0, (DI)")
	f.op("VMOVDQU64 Z1, 64(DI)")
	f.op("ADDQ $64, SI")
	f.op("ADDQ $128, DI")
	f.op("SUBQ $16, R9")
	f.op("JNZ loop")
	f.end()
	var order []uint64
	for i := range uint64(16) {
		order = append(order, i, 16+i)
	}
	f.data32("roundPlanes16Order", order...)
}

// maxRows16 compares 16 numbers at a time.
func maxRows16(f *file) {
	f.begin("maxRows16AVX512", "c *maxRows16Call", "finds maxima of rows; see MaxRowsBF16.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"src", "SI"}, {"n", "CX"}, {"row", "R8"}, {"rows", "R9"}} {
		f.op("MOVQ maxRows16Call_%s(AX), %s", p[0], p[1])
	}
	f.op("MOVL $0xff800000, BX")
	f.op("VPBROADCASTD BX, Z2")
	f.label("loop")
	f.op("VMOVDQA64 Z2, Z0")
	f.op("MOVQ SI, DX")
	f.op("MOVQ R9, BX")
	f.label("row")
	f.op("VPMOVZXWD (DX), Z1")
	f.op("VPSLLD $16, Z1, Z1")
	f.op("VMAXPS Z0, Z1, Z0") // NaN is not the largest
	f.op("ADDQ R8, DX")
	f.op("DECQ BX")
	f.op("JNZ row")
	f.op("VMOVUPS Z0, (DI)")
	f.op("ADDQ $32, SI")
	f.op("ADDQ $64, DI")
	f.op("SUBQ $16, CX")
	f.op("JNZ loop")
	f.end()
}

// The Go assembler has no AVX512_BF16; evex writes an instruction of the Intel
// manual, volume 2: EVEX.512, map 0F38, W0, of registers only.
func (f *file) evex(comment string, pp, opcode, reg, vvvv, rm int) {
	p0, p1, p2 := byte(0xf2), byte(0x7c|pp), byte(0x48) // inverted bits set
	p0 ^= byte(reg>>3&1<<7 | rm>>4&1<<6 | rm>>3&1<<5 | reg>>4&1<<4)
	p1 ^= byte(vvvv & 15 << 3)
	p2 ^= byte(vvvv >> 4 & 1 << 3)
	var s []string
	for _, v := range []byte{0x62, p0, p1, p2, byte(opcode), byte(0xc0 | reg&7<<3 | rm&7)} {
		s = append(s, fmt.Sprintf("BYTE $%#02x", v))
	}
	f.op("%s // %s", strings.Join(s, "; "), comment)
}

// dotHalf adds the products of pairs of bfloat16 in a and b to sum.
func (f *file) dotHalf(a, b, sum int) {
	f.evex(fmt.Sprintf("VDPBF16PS Z%d, Z%d, Z%d", a, b, sum), ppF3, 0x52, sum, b, a)
}

// roundHalf rounds 16 floats to the lower half of a register.
func (f *file) roundHalf(from, to int) {
	f.evex(fmt.Sprintf("VCVTNEPS2BF16 Z%d, Y%d", from, to), ppF3, 0x72, to, 0, from)
}

// roundHalves rounds 16 floats to each half of a register.
func (f *file) roundHalves(low, high, to int) {
	f.evex(fmt.Sprintf("VCVTNE2PS2BF16 Z%d, Z%d, Z%d", low, high, to), ppF2, 0x72, to, high, low)
}

// tile16 sums 14 x 32 in registers: tile8VNNI with pairs of bfloat16 in the
// place of four bytes.
func tile16(f *file) {
	const mr = 14
	f.begin("tile16AVX512", "t *tile8Call", "sums a tile of at most 14 x 32 of bfloat16; see TileBF16Args.")
	tile8Begin(f, mr)
	for m := mr; m > 0; m-- {
		packedRows(f, m, 2, func() {
			f.op("VMOVDQU64 (%s), Z28", tB)
			f.op("VMOVDQU64 64(%s), Z29", tB)
			for i := range m {
				f.op("VPBROADCASTD %s, Z%d", tileRow(i), 30+i%2)
				f.dotHalf(28, 30+i%2, 2*i)
				f.dotHalf(29, 30+i%2, 2*i+1)
			}
		}, 2*m, avx512)
		for i := range 2 * m {
			f.op("VMOVDQU64 Z%d, %d(%s)", i, 64*i, tArgs)
		}
		f.end()
	}
}

// finish16 writes the epilogue: rows of 32 sums in two vectors, the columns
// behind the last under masks.
func finish16(f *file) {
	const args, sums, out, res, m, flags, x = "AX", "SI", "DI", "DX", "CX", "R8", "BX"
	f.begin("finish16AVX512", "c *finish16Call", "finishes rows of sums of bfloat16; see TileBF16Args.")
	f.op("MOVQ c+0(FP), %s", args)
	for _, p := range [][2]string{{"sums", sums}, {"out", out}, {"residual", res}, {"m", m}, {"flags", flags}, {"ldc", "R9"}, {"ldr", "R10"}} {
		f.op("MOVQ finish16Call_%s(%s), %s", p[0], args, p[1])
	}
	f.op("MOVL finish16Call_mask(%s), %s", args, x)
	f.op("KMOVD %s, K1", x)
	f.op("KSHIFTRD $16, K1, K2")
	for i, p := range []string{"scale", "bias", "lower", "upper"} {
		f.op("MOVQ finish16Call_%s(%s), %s", p, args, x)
		f.op("VMOVUPS (%s), Z%d", x, 16+2*i)
		f.op("VMOVUPS 64(%s), Z%d", x, 17+2*i)
	}

	f.label("row")
	for v := range 2 {
		f.op("VMOVUPS %d(%s), Z%d", 64*v, sums, v)
		f.op("VFMADD213PS Z%d, Z%d, Z%d", 18+v, 16+v, v)
	}
	f.op("TESTQ $const_finishBytes, %s", flags)
	f.op("JZ floats")
	for v := range 2 {
		f.op("VPMOVZXWD.Z %d(%s), K%d, Z%d", 32*v, res, 1+v, 2+v)
		f.op("VPSLLD $16, Z%d, Z%d", 2+v, 2+v)
		f.op("VADDPS Z%d, Z%d, Z%d", 2+v, v, v)
	}
	f.label("floats")
	f.op("TESTQ $const_finishFloats, %s", flags)
	f.op("JZ clamp")
	for v := range 2 {
		f.op("VMOVUPS.Z %d(%s), K%d, Z%d", 64*v, res, 1+v, 2+v)
		f.op("VADDPS Z%d, Z%d, Z%d", 2+v, v, v)
	}
	f.label("clamp")
	for v := range 2 {
		f.op("VMAXPS Z%d, Z%d, Z%d", v, 20+v, v)
		f.op("VMINPS Z%d, Z%d, Z%d", v, 22+v, v)
	}
	f.op("TESTQ $const_finishOutF, %s", flags)
	f.op("JZ halves")
	f.op("VMOVUPS Z0, K1, (%s)", out)
	f.op("VMOVUPS Z1, K2, 64(%s)", out)
	f.op("JMP next")
	f.label("halves")
	f.roundHalves(0, 1, 0)
	f.op("VMOVDQU16 Z0, K1, (%s)", out)
	f.label("next")
	f.op("ADDQ $128, %s", sums)
	f.op("ADDQ R9, %s", out)
	f.op("ADDQ R10, %s", res)
	f.op("DECQ %s", m)
	f.op("JNZ row")
	f.end()
}
