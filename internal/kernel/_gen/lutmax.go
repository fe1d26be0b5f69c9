package main

import "fmt"

// genLUTMax writes the largest levels of windows.
func genLUTMax(f *file) {
	for _, s := range []isa{avx2, avx512} {
		lutMax(f, s, 1)
		lutMax(f, s, 2)
	}
}

// lutMax writes MaxLUT for windows that are step levels apart. If that is 2,
// every other byte of a vector is of no use.
func lutMax(f *file, s isa, step int) {
	const (
		dst, src, offsets, width, next, rows = "DI", "SI", "BX", "DX", "R8", "R9"
		from, to, left, tap, taps, offset    = "R10", "R11", "R12", "R13", "CX", "R15"
		low                                  = 15
	)
	f.begin(fmt.Sprintf("lutMax%d%s", step, s.name), "c *lutMaxCall", fmt.Sprintf("takes the largest of windows that are %d apart; see MaxLUT.", step))
	f.op("MOVQ c+0(FP), AX")
	for _, p := range [][2]string{{"dst", dst}, {"src", src}, {"width", width}, {"next", next}, {"offsets", offsets}} {
		f.op("MOVQ lutMaxCall_%s(AX), %s", p[0], p[1])
	}
	if step == 2 {
		lowBytes(f, s, low)
	}
	f.label("channel")
	f.op("MOVQ lutMaxCall_height(AX), %s", rows)
	f.label("row")
	f.op("MOVQ %s, %s", src, from)
	f.op("MOVQ %s, %s", dst, to)
	f.op("MOVQ lutMaxCall_vectors(AX), %s", left)
	f.label("vector")
	f.op("MOVQ %s, %s", offsets, tap)
	f.op("MOVQ lutMaxCall_taps(AX), %s", taps)
	f.zero(s, 0)
	f.label("tap")
	f.op("MOVLQSX (%s), %s", tap, offset)
	f.op("VPMAXUB (%s)(%s*1), %[3]s, %[3]s", from, offset, s.r(0))
	f.op("ADDQ $4, %s", tap)
	f.op("DECQ %s", taps)
	f.op("JNZ tap")
	if step == 1 {
		f.op("%s %s, (%s)", s.move(), s.r(0), to)
	} else {
		f.op("%s %s, %[3]s, %[3]s", s.and(), s.r(low), s.r(0))
		storeWords(f, s, 0, 1, "("+to+")")
	}
	f.op("ADDQ $%d, %s", s.bytes, from)
	f.op("ADDQ $%d, %s", s.bytes/step, to)
	f.op("DECQ %s", left)
	f.op("JNZ vector")
	f.op("ADDQ %s, %s", next, src)
	f.op("ADDQ %s, %s", width, dst)
	f.op("DECQ %s", rows)
	f.op("JNZ row")
	f.op("ADDQ lutMaxCall_skip(AX), %s", src)
	f.op("DECQ lutMaxCall_channels(AX)")
	f.op("JNZ channel")
	f.end()
}

// lowBytes sets a register to 255 in every word.
func lowBytes(f *file, s isa, reg int) {
	f.op("VPCMPEQW X%[1]d, X%[1]d, X%[1]d", reg)
	f.op("VPBROADCASTW X%d, %s", reg, s.r(reg))
	f.op("VPSRLW $8, %[1]s, %[1]s", s.r(reg))
}

// storeWords stores the words of a vector, up to 255, as bytes.
func storeWords(f *file, s isa, reg, scratch int, at string) {
	if s.masked() {
		f.op("VPMOVWB Z%d, %s", reg, at)
		return
	}
	f.op("VEXTRACTI128 $1, Y%d, X%d", reg, scratch)
	f.op("VPACKUSWB X%[2]d, X%[1]d, X%[1]d", reg, scratch)
	f.op("VMOVDQU X%d, %s", reg, at)
}
