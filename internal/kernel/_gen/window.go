package main

// genWindow writes the kernels that slide a window over a row of pixels with
// the channels last: depthwise convolution and pooling.
func genWindow(f *file) {
	for _, s := range []isa{avx2, avx512} {
		for _, k := range windowKinds {
			k.generate(f, s)
		}
	}
}

// windowKind is what a window kernel does with a tap.
type windowKind struct {
	name, doc string
	weighted  bool
	start     string // constant that accumulators start from; "": zero
	tap       func(f *file, mem, weight, acc string)
}

var windowKinds = []windowKind{
	{
		name: "depthwise", doc: "computes a block of pixels; see DepthwiseArgs.", weighted: true,
		tap: func(f *file, mem, weight, acc string) { f.op("VFMADD231PS %s, %s, %s", mem, weight, acc) },
	},
	{
		name: "maxPool", doc: "computes a block of pixels; see MaxPool.", start: "windowCall_min",
		// The first operand of the comparison yields only if it is larger: NaN never does.
		tap: func(f *file, mem, weight, acc string) {
			f.op("VMOVUPS %s, %s", mem, weight)
			f.op("VMAXPS %s, %s, %s", acc, weight, acc)
		},
	},
	{
		name: "avgPool", doc: "computes a block of pixels; see AvgPool.",
		tap: func(f *file, mem, _, acc string) { f.op("VADDPS %s, %s, %s", mem, acc, acc) },
	},
}

// Registers of the window kernels.
const (
	wArgs, wRow, wTap, wWeights = "AX", "BX", "CX", "DX"
	wKY, wKX, wChannel, wEnd    = "SI", "DI", "R11", "R12"
	wTapStep                    = "R13"
	windowPixels                = 8 // accumulators: latency times throughput of an FMA
)

// windowTaps addresses a tap of the pixels of a block.
var windowTaps = strides{wTap, "R8", "R9", "R10", "R15"}

func (k *windowKind) generate(f *file, s isa) {
	f.begin(k.name+s.name, "w *windowCall", k.doc)
	f.op("MOVQ w+0(FP), %s", wArgs)
	f.op("MOVQ windowCall_step(%s), %s", wArgs, windowTaps.one)
	windowTaps.load(f)
	f.op("MOVQ windowCall_tap(%s), %s", wArgs, wTapStep)
	f.op("MOVQ windowCall_channels(%s), %s", wArgs, wEnd)
	f.op("SHLQ $2, %s", wEnd)
	f.op("XORQ %[1]s, %[1]s", wChannel)
	f.op("MOVQ windowCall_pixels(%s), %s", wArgs, wKX)
	for n := windowPixels - 1; n > 0; n-- {
		f.op("CMPQ %s, $%d", wKX, n)
		f.op("JEQ pixels%d", n)
	}
	for n := windowPixels; n > 0; n-- {
		k.pixels(f, s, n)
	}
}

// pixels computes n pixels, all channels. The last vector of channels ends
// where they end, and may overlap the one before it.
func (k *windowKind) pixels(f *file, s isa, n int) {
	weight, scratch := s.r(windowPixels), s.r(windowPixels+1)
	f.label("pixels%d", n)
	for x := range n {
		if k.start == "" {
			f.zero(s, x)
		} else {
			f.op("VBROADCASTSS %s(%s), %s", k.start, wArgs, s.r(x))
		}
	}
	f.op("MOVQ windowCall_in(%s), %s", wArgs, wRow)
	f.op("ADDQ %s, %s", wChannel, wRow)
	if k.weighted {
		f.op("MOVQ windowCall_weights(%s), %s", wArgs, wWeights)
		f.op("ADDQ %s, %s", wChannel, wWeights)
	}
	f.op("MOVQ windowCall_kh(%s), %s", wArgs, wKY)
	f.label("row%d", n)
	f.op("MOVQ %s, %s", wRow, wTap)
	f.op("MOVQ windowCall_kw(%s), %s", wArgs, wKX)
	f.label("tap%d", n)
	if k.weighted {
		f.op("VMOVUPS (%s), %s", wWeights, weight)
	}
	for x := range n {
		k.tap(f, windowTaps.at(x), weight, s.r(x))
	}
	f.op("ADDQ %s, %s", wTapStep, wTap)
	if k.weighted {
		f.op("ADDQ windowCall_weightStep(%s), %s", wArgs, wWeights)
	}
	f.op("DECQ %s", wKX)
	f.op("JNZ tap%d", n)
	f.op("ADDQ windowCall_row(%s), %s", wArgs, wRow)
	f.op("DECQ %s", wKY)
	f.op("JNZ row%d", n)
	k.finish(f, s, n, weight, scratch)

	f.op("ADDQ $%d, %s", s.bytes, wChannel)
	f.op("LEAQ %d(%s), %s", s.bytes, wChannel, wKX)
	f.op("CMPQ %s, %s", wKX, wEnd)
	f.op("JLE pixels%d", n)
	f.op("CMPQ %s, %s", wChannel, wEnd)
	f.op("JGE done%d", n)
	f.op("LEAQ -%d(%s), %s", s.bytes, wEnd, wChannel)
	f.op("JMP pixels%d", n)
	f.label("done%d", n)
	f.end()
}

// finish applies what follows the sums of n pixels, and stores them.
func (k *windowKind) finish(f *file, s isa, n int, a, b string) {
	each := func(format string, args ...any) {
		for x := range n {
			f.op(format, append(args, s.r(x))...)
		}
	}
	switch k.name {
	case "depthwise":
		f.op("VBROADCASTSS windowCall_one(%s), %s", wArgs, a)
		k.perChannel(f, "scale", a, n)
		f.zero(s, windowPixels+1)
		k.perChannel(f, "bias", b, n)
		each("VFMADD213PS %s, %s, %s", b, a)
		f.op("VBROADCASTSS windowCall_min(%s), %s", wArgs, a)
		f.op("VBROADCASTSS windowCall_max(%s), %s", wArgs, b)
		each("VMAXPS %[2]s, %[1]s, %[2]s", a)
		each("VMINPS %[2]s, %[1]s, %[2]s", b)
	case "avgPool":
		f.op("VBROADCASTSS windowCall_divisor(%s), %s", wArgs, a)
		each("VDIVPS %[1]s, %[2]s, %[2]s", a)
	}
	f.op("MOVQ windowCall_out(%s), %s", wArgs, wRow)
	f.op("ADDQ %s, %s", wChannel, wRow)
	for x := range n {
		if x > 0 {
			f.op("ADDQ windowCall_outStep(%s), %s", wArgs, wRow)
		}
		f.op("VMOVUPS %s, (%s)", s.r(x), wRow)
	}
}

// perChannel loads the numbers at pointer name for these channels, unless it is nil.
func (k *windowKind) perChannel(f *file, name, reg string, n int) {
	f.op("MOVQ windowCall_%s(%s), %s", name, wArgs, wRow)
	f.op("TESTQ %[1]s, %[1]s", wRow)
	f.op("JZ %s%d", name, n)
	f.op("VMOVUPS (%s)(%s*1), %s", wRow, wChannel, reg)
	f.label("%s%d", name, n)
}
