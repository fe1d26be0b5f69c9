package main

// genElement8 writes the element-by-element kernels of bytes, 16 at a time; Go
// does the rest.
func genElement8(f *file) {
	// Registers: 16 min, 17 max, 18 1/scale, 19 and 20 the bounds of bytes, 21
	// the zero point; 22 and 23 scale and zero point of a, 24 and 25 of b.
	element8(f, "quantize", "quantises; see Quantize.", func() {
		f.op("VMOVUPS (SI), Z0")
		f.op("ADDQ $64, SI")
		toBytes(f)
	})
	element8(f, "dequantize", "dequantises; see Dequantize.", func() {
		fromBytes(f, "SI", 0, 22)
		f.op("VMOVUPS Z0, (DI)")
		f.op("ADDQ $64, DI")
	})
	element8(f, "add8", "adds bytes; see AddU8.", func() {
		fromBytes(f, "SI", 0, 22)
		fromBytes(f, "DX", 1, 24)
		f.op("VADDPS Z1, Z0, Z0")
		f.op("VMAXPS Z0, Z16, Z0")
		f.op("VMINPS Z0, Z17, Z0")
		toBytes(f)
	})
	clamp8(f)
	quantizePlanes(f)
	map8(f)
	interleave8(f)
}

// map8 writes the look-up of bytes in a table, 64 at a time: each half of the
// table is two registers.
func map8(f *file) {
	f.begin("map8AVX512", "c *map8Call", "maps bytes by a table; see MapU8.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"src", "SI"}, {"table", "DX"}, {"n", "BX"}} {
		f.op("MOVQ map8Call_%s(AX), %s", p[0], p[1])
	}
	for i := range 4 {
		f.op("VMOVDQU64 %d(DX), Z%d", 64*i, 16+i)
	}
	f.label("loop")
	f.maskOfBytes("BX")
	f.op("VMOVDQU8.Z (SI), K1, Z0")
	f.op("VMOVDQA64 Z0, Z1")
	f.op("VMOVDQA64 Z0, Z2")
	f.op("VPERMI2B Z17, Z16, Z1")
	f.op("VPERMI2B Z19, Z18, Z2")
	f.op("VPMOVB2M Z0, K2")
	f.op("VMOVDQU8 Z2, K2, Z1")
	f.op("VMOVDQU8 Z1, K1, (DI)")
	f.op("ADDQ $64, SI")
	f.op("ADDQ $64, DI")
	f.op("SUBQ $64, BX")
	f.op("JG loop")
	f.end()
}

// interleave8 writes the shuffle of two groups of bytes, 32 of each at a time.
func interleave8(f *file) {
	f.begin("interleave8AVX512", "c *interleave8Call", "interleaves two groups of bytes; see ShuffleU8.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"a", "SI"}, {"b", "DX"}, {"n", "BX"}} {
		f.op("MOVQ interleave8Call_%s(AX), %s", p[0], p[1])
	}
	f.label("loop")
	f.maskOfBytes("BX")
	f.op("VPMOVZXBW.Z (SI), K1, Z0")
	f.op("VPMOVZXBW.Z (DX), K1, Z1")
	f.op("VPSLLW $8, Z1, Z1")
	f.op("VPORQ Z0, Z1, Z1")
	f.op("VMOVDQU16 Z1, K1, (DI)")
	f.op("ADDQ $32, SI")
	f.op("ADDQ $32, DX")
	f.op("ADDQ $64, DI")
	f.op("SUBQ $32, BX")
	f.op("JG loop")
	f.end()
}

// quantizePlanes writes the quantisation of planes, 16 pixels at a time: a
// plane is one byte of a word.
func quantizePlanes(f *file) {
	f.begin("quantizePlanesAVX512", "c *planes8Call", "quantises planes; see QuantizePlanes.")
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"src", "SI"}, {"n", "CX"}, {"plane", "R8"}} {
		f.op("MOVQ planes8Call_%s(AX), %s", p[0], p[1])
	}
	for i, p := range []string{"inverse", "low", "high", "zero", "others"} {
		f.op("VBROADCASTSS planes8Call_%s(AX), Z%d", p, 18+i)
	}
	f.op("MOVQ $8, BX")
	f.op("VMOVQ BX, X17")
	f.label("loop")
	f.op("VMOVDQA64 Z22, Z1")
	f.zero(avx512, 2)
	f.op("MOVQ SI, DX")
	f.op("MOVQ planes8Call_channels(AX), BX")
	f.label("channel")
	f.op("VMULPS (DX), Z18, Z0")
	f.op("VMAXPS Z19, Z0, Z0") // NaN becomes the lowest
	f.op("VMINPS Z20, Z0, Z0")
	f.op("VCVTPS2DQ Z0, Z0")
	f.op("VPADDD Z21, Z0, Z0")
	f.op("VPSLLD X2, Z0, Z0")
	f.op("VPORD Z0, Z1, Z1")
	f.op("VPADDQ X17, X2, X2")
	f.op("ADDQ R8, DX")
	f.op("DECQ BX")
	f.op("JNZ channel")
	f.op("VMOVDQU32 Z1, (DI)")
	f.op("ADDQ $64, SI")
	f.op("ADDQ $64, DI")
	f.op("SUBQ $16, CX")
	f.op("JNZ loop")
	f.end()
}

// clamp8 writes bounds per byte, 64 at a time.
func clamp8(f *file) {
	f.begin("clamp8AVX512", "c *clamp8Call", "clamps bytes; see ClampU8.")
	f.op("MOVQ c+0(FP), AX")
	f.op("MOVQ clamp8Call_x(AX), DI")
	f.op("MOVQ clamp8Call_rows(AX), R8")
	f.label("row")
	for _, p := range [][2]string{{"lower", "SI"}, {"upper", "DX"}, {"n", "BX"}} {
		f.op("MOVQ clamp8Call_%s(AX), %s", p[0], p[1])
	}
	f.label("loop")
	f.maskOfBytes("BX")
	f.op("VMOVDQU8.Z (DI), K1, Z0")
	f.op("VMOVDQU8.Z (DX), K1, Z1")
	f.op("VMOVDQU8.Z (SI), K1, Z2")
	f.op("VPMINUB Z1, Z0, Z0")
	f.op("VPMAXUB Z2, Z0, Z0")
	f.op("VMOVDQU8 Z0, K1, (DI)")
	for _, p := range []string{"DI", "SI", "DX"} {
		f.op("ADDQ $64, %s", p)
	}
	f.op("SUBQ $64, BX")
	f.op("JG loop")
	f.op("ADDQ BX, DI") // back to the end of the row
	f.op("DECQ R8")
	f.op("JNZ row")
	f.end()
}

// maskOfBytes sets K1 to the first 64 or n bytes, n a register; it uses CX and R11.
func (f *file) maskOfBytes(n string) {
	f.op("MOVQ $-1, CX")
	f.op("CMPQ %s, $64", n)
	f.op("JGE masked")
	f.op("MOVQ %s, CX", n)
	f.op("MOVQ $1, R11")
	f.op("SHLQ CL, R11")
	f.op("LEAQ -1(R11), CX")
	f.label("masked")
	f.op("KMOVQ CX, K1")
}

func element8(f *file, name, doc string, body func()) {
	f.begin(name+"AVX512", "c *element8Call", doc)
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", "DI"}, {"a", "SI"}, {"b", "DX"}, {"n", "CX"}} {
		f.op("MOVQ element8Call_%s(AX), %s", p[0], p[1])
	}
	for i, p := range []string{"min", "max", "inverse", "low", "high", "zero", "scaleA", "zeroA", "scaleB", "zeroB"} {
		f.op("VBROADCASTSS element8Call_%s(AX), Z%d", p, 16+i)
	}
	f.label("loop")
	body()
	f.op("SUBQ $16, CX")
	f.op("JNZ loop")
	f.end()
}

// fromBytes is the real numbers of 16 bytes.
func fromBytes(f *file, from string, reg, scale int) {
	f.op("VPMOVZXBD (%s), Z%d", from, reg)
	f.op("ADDQ $16, %s", from)
	f.op("VPSUBD Z%d, Z%d, Z%d", scale+1, reg, reg)
	f.op("VCVTDQ2PS Z%d, Z%d", reg, reg)
	f.op("VMULPS Z%d, Z%d, Z%d", scale, reg, reg)
}

// toBytes stores the bytes of the real numbers in Z0; see toByte.
func toBytes(f *file) {
	f.op("VMULPS Z18, Z0, Z0")
	f.op("VMAXPS Z19, Z0, Z0") // NaN becomes the lowest
	f.op("VMINPS Z20, Z0, Z0")
	f.op("VCVTPS2DQ Z0, Z0")
	f.op("VPADDD Z21, Z0, Z0")
	f.op("VPMOVDB Z0, X0")
	f.op("VMOVDQU X0, (DI)")
	f.op("ADDQ $16, DI")
}
