package main

const (
	gradTaps   = 7 // sums
	gradVector = gradTaps
)

// genDepthwiseGrad writes the gradients of the filters of depthwise
// convolutions: for one vector of channels after the other, over all pixels.
func genDepthwiseGrad(f *file) {
	for _, s := range []isa{avx2, avx512} {
		depthwiseGrad(norm{f, s})
	}
}

// gradIn addresses the taps of a pixel.
var gradIn = strides{"R10", "R8", "R9", "R11", ""}

func depthwiseGrad(n norm) {
	n.begin("depthwiseGrad"+n.isa.name, "c *depthwiseGradCall", "sums one row of filters; see DepthwiseGradArgs.")
	n.op("MOVQ c+0(FP), AX")
	n.op("MOVQ depthwiseGradCall_tap(AX), %s", gradIn.one)
	gradIn.load(n.file)
	n.op("XORQ CX, CX")
	if n.masked() {
		n.op("MOVL $0xffff, DX")
		n.op("KMOVW DX, K1")
	}
	n.label("channels")
	if n.masked() {
		n.op("CMPQ depthwiseGradCall_vectors(AX), $1")
		n.op("JNE whole")
		n.op("MOVL depthwiseGradCall_mask(AX), DX")
		n.op("KMOVW DX, K1")
		n.label("whole")
	}
	n.op("MOVQ depthwiseGradCall_in(AX), SI")
	n.op("ADDQ CX, SI")
	n.op("MOVQ depthwiseGradCall_grad(AX), DI")
	n.op("ADDQ CX, DI")
	n.op("MOVQ depthwiseGradCall_rows(AX), R12")
	n.op("MOVQ depthwiseGradCall_taps(AX), BX")
	for taps := gradTaps - 1; taps > 0; taps-- {
		n.op("CMPQ BX, $%d", taps)
		n.op("JEQ taps%d", taps)
	}
	for taps := gradTaps; taps > 0; taps-- {
		n.gradRows(taps)
		if taps > 1 {
			n.op("JMP next")
		}
	}
	n.label("next")
	n.op("ADDQ $%d, CX", n.bytes)
	n.op("DECQ depthwiseGradCall_vectors(AX)")
	n.op("JNZ channels")
	n.end()
}

// gradRows sums the given number of taps over all pixels.
func (n norm) gradRows(taps int) {
	n.label("taps%d", taps)
	n.weights(taps, func(i int) { n.load("DX", n.r(i)) })
	n.label("row%d", taps)
	n.op("MOVQ SI, %s", gradIn.base)
	n.op("MOVQ DI, DX")
	n.op("MOVQ depthwiseGradCall_width(AX), R13")
	n.label("pixel%d", taps)
	n.load("DX", n.r(gradVector))
	for i := range taps {
		if n.masked() {
			n.op("VFMADD231PS %s, %s, K1, %s", gradIn.at(i), n.r(gradVector), n.r(i))
		} else {
			n.op("VFMADD231PS %s, %s, %s", gradIn.at(i), n.r(gradVector), n.r(i))
		}
	}
	n.op("ADDQ depthwiseGradCall_step(AX), %s", gradIn.base)
	n.op("ADDQ depthwiseGradCall_stepGrad(AX), DX")
	n.op("DECQ R13")
	n.op("JNZ pixel%d", taps)
	n.op("ADDQ depthwiseGradCall_rowIn(AX), SI")
	n.op("ADDQ depthwiseGradCall_rowGrad(AX), DI")
	n.op("DECQ R12")
	n.op("JNZ row%d", taps)
	n.weights(taps, func(i int) { n.store(n.r(i), "DX") })
}

// weights calls f with DX at the sums of one tap after the other.
func (n norm) weights(taps int, f func(i int)) {
	n.op("MOVQ depthwiseGradCall_weights(AX), DX")
	n.op("ADDQ CX, DX")
	for i := range taps {
		if i > 0 {
			n.op("ADDQ depthwiseGradCall_stepGrad(AX), DX")
		}
		f(i)
	}
}
