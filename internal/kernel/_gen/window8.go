package main

// genWindow8 writes depthwise convolution and pooling of bytes.
func genWindow8(f *file) {
	sum8(f, 4)
	sum8(f, 1)
	max8(f)
}

const (
	vArgs, vIn, vOut, vN                 = "AX", "SI", "DI", "CX"
	vWeights, vRow, vTap, vStep, vStride = "DX", "R8", "R9", "R10", "R11"
	vStepThree, vTapsLeft, vRowsLeft     = "R12", "R13", "BX"
	vPixels                              = "DX"
)

// sum8 writes the sums of windows of some pixels, 32 channels. Weights and
// bytes are 32-bit words, whose products VPMADDWD finds in the low halves.
func sum8(f *file, pixels int) {
	name, many := "sum8AVX512", "one pixel"
	if pixels == 4 {
		name, many = "sum8x4AVX512", "four pixels"
	}
	f.begin(name, "w *sum8Call", "sums the windows of "+many+"; see window8.")
	f.op("MOVQ w+0(FP), %s", vArgs)
	for _, p := range [][2]string{{"in", vIn}, {"sums", vOut}, {"weights", vWeights}, {"row", vRow}, {"tap", vTap}, {"step", vStep}, {"stride", vStride}, {"kh", vRowsLeft}} {
		f.op("MOVQ sum8Call_%s(%s), %s", p[0], vArgs, p[1])
	}
	f.op("MOVL sum8Call_mask(%s), %s", vArgs, vN)
	f.op("KMOVD %s, K1", vN)
	f.op("KSHIFTRD $16, K1, K2")
	f.op("LEAQ (%[1]s)(%[1]s*2), %[2]s", vStep, vStepThree)
	for i := range 2 * pixels {
		f.zero(avx512, i)
	}
	f.label("row")
	f.op("MOVQ %s, %s", vIn, vN)
	f.op("MOVQ sum8Call_kw(%s), %s", vArgs, vTapsLeft)
	f.label("tap")
	f.op("VPMOVSXBD.Z (%s), K1, Z16", vWeights)
	f.op("VPMOVSXBD.Z 16(%s), K2, Z17", vWeights)
	rows := strides{vN, vStep, vStepThree, "", ""}
	for i := range pixels {
		f.op("VPMOVZXBD.Z %s, K1, Z18", rows.at(i))
		f.op("VPMOVZXBD.Z 16%s, K2, Z19", rows.at(i))
		for v := range 2 {
			f.op("VPMADDWD Z%d, Z%d, Z%d", 16+v, 18+v, 18+v)
			f.op("VPADDD Z%d, Z%d, Z%d", 18+v, 2*i+v, 2*i+v)
		}
	}
	f.op("ADDQ %s, %s", vTap, vN)
	f.op("ADDQ %s, %s", vStride, vWeights)
	f.op("DECQ %s", vTapsLeft)
	f.op("JNZ tap")
	f.op("ADDQ %s, %s", vRow, vIn)
	f.op("DECQ %s", vRowsLeft)
	f.op("JNZ row")
	for i := range 2 * pixels {
		f.op("VMOVDQU64 Z%d, %d(%s)", i, 64*i, vOut)
	}
	f.end()
}

// max8 writes the largest bytes of the windows of a row, 64 channels at a time.
func max8(f *file) {
	f.begin("max8AVX512", "w *max8Call", "finds the largest bytes of windows; see window8.")
	f.op("MOVQ w+0(FP), %s", vArgs)
	for _, p := range [][2]string{{"in", vIn}, {"out", vOut}, {"row", vRow}, {"tap", vTap}, {"pixels", vPixels}} {
		f.op("MOVQ max8Call_%s(%s), %s", p[0], vArgs, p[1])
	}
	f.label("pixel")
	f.op("MOVQ max8Call_channels(%s), %s", vArgs, vStep)
	f.label("channels")
	f.maskOfBytes(vStep)
	f.zero(avx512, 0)
	f.op("MOVQ %s, %s", vIn, vStepThree)
	f.op("MOVQ max8Call_kh(%s), %s", vArgs, vRowsLeft)
	f.label("row")
	f.op("MOVQ %s, %s", vStepThree, vN)
	f.op("MOVQ max8Call_kw(%s), %s", vArgs, vTapsLeft)
	f.label("tap")
	f.op("VMOVDQU8.Z (%s), K1, Z1", vN)
	f.op("VPMAXUB Z1, Z0, Z0")
	f.op("ADDQ %s, %s", vTap, vN)
	f.op("DECQ %s", vTapsLeft)
	f.op("JNZ tap")
	f.op("ADDQ %s, %s", vRow, vStepThree)
	f.op("DECQ %s", vRowsLeft)
	f.op("JNZ row")
	f.op("VMOVDQU8 Z0, K1, (%s)", vOut)
	f.op("ADDQ $64, %s", vIn)
	f.op("ADDQ $64, %s", vOut)
	f.op("SUBQ $64, %s", vStep)
	f.op("JG channels")
	f.op("ADDQ max8Call_inSkip(%s), %s", vArgs, vIn)
	f.op("ADDQ max8Call_outSkip(%s), %s", vArgs, vOut)
	f.op("DECQ %s", vPixels)
	f.op("JNZ pixel")
	f.end()
}
