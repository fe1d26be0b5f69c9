package main

import "fmt"

const (
	eArgs, eCodes, eQuads, eDst, eSteps, eTable, eCount, eStep, eHalf = "AX", "SI", "CX", "DI", "R9", "R11", "R12", "BX", "R8"
)

// genDecode8 writes the kernels that turn codes of 8-bit codewords into
// panels: lookups of 64 codes, [16 outputs][4 blocks], in tables of one
// component. The forms differ in how components make words of four inputs.
func genDecode8(f *file) {
	decode8(f, "Taps", "a component of four blocks makes a word", 1, func() {
		lookup8(f, 0, "0", 2)
		store8(f, 2)
	})
	decode8(f, "Pairs", "two components of two blocks make a word", 1, func() {
		lookup8(f, 0, "0", 2)
		lookup8(f, 0, eHalf, 4)
		for h := range 2 {
			f.op("VPUNPCKLBW Z%d, Z%d, Z14", 4+h, 2+h)
			f.op("VPUNPCKHBW Z%d, Z%d, Z15", 4+h, 2+h)
			f.op("VSHUFPS $0x88, Z15, Z14, Z%d", 16+h)
			f.op("VSHUFPS $0xdd, Z15, Z14, Z%d", 18+h)
		}
		store8(f, 16)
		store8(f, 18)
	})
	decode8(f, "Channels", "four components of a block make a word", 4, func() {
		for j := range 4 {
			lookup8(f, 256*j, "0", 2+2*j)
		}
		for h := range 2 {
			for i, half := range []string{"L", "H"} {
				f.op("VPUNPCK%sBW Z%d, Z%d, Z%d", half, 4+h, 2+h, 14+i)
				f.op("VPUNPCK%sBW Z%d, Z%d, Z%d", half, 8+h, 6+h, 16+i)
			}
			for i := range 2 {
				f.op("VPUNPCKLWD Z%d, Z%d, Z%d", 16+i, 14+i, 18+4*i+h)
				f.op("VPUNPCKHWD Z%d, Z%d, Z%d", 16+i, 14+i, 20+4*i+h)
			}
		}
		for b := range 4 {
			store8(f, 18+2*b)
		}
	})
	decode8Words(f)
	f.data64("decode8Transpose", 0x0d0905010c080400, 0x0f0b07030e0a0602)
}

// decode8 writes the loop over quads and components; components is how many
// body takes at a time.
func decode8(f *file, name, doc string, components int, body func()) {
	f.begin("decode8"+name+"AVX512", "d *decode8Call", "decodes bytes: "+doc+"; see form8.")
	f.op("MOVQ d+0(FP), %s", eArgs)
	for _, p := range [][2]string{{"codes", eCodes}, {"quads", eQuads}, {"dst", eDst}, {"steps", eSteps}, {"half", eHalf}} {
		f.op("MOVQ decode8Call_%s(%s), %s", p[0], eArgs, p[1])
	}
	f.op("VBROADCASTI32X4 decode8Transpose<>(SB), Z31")
	f.label("quad")
	for h := range 2 {
		f.op("VMOVDQU64 %d(%s), Z%d", 64*h, eCodes, h)
		if components == 4 {
			f.op("VPSHUFB Z31, Z%d, Z%d", h, h) // [4 blocks][4 outputs] in each quarter
		}
		k := 3 * h // masks of the codes 64..127, 128..191, 192..255
		f.op("VPADDB Z%d, Z%d, Z2", h, h)
		f.op("VPMOVB2M Z2, K%d", k+1)
		f.op("VPMOVB2M Z%d, K%d", h, k+2)
		f.op("KANDQ K%d, K%d, K%d", k+1, k+2, k+3)
		f.op("KXORQ K%[2]d, K%[1]d, K%[1]d", k+1, k+3)
		f.op("KXORQ K%[2]d, K%[1]d, K%[1]d", k+2, k+3)
	}
	f.op("MOVQ decode8Call_planes(%s), %s", eArgs, eTable)
	f.op("MOVQ decode8Call_count(%s), %s", eArgs, eCount)
	f.label("component")
	body()
	f.op("ADDQ $%d, %s", 256*components, eTable)
	f.op("DECQ %s", eCount)
	f.op("JNZ component")
	f.op("ADDQ $128, %s", eCodes)
	f.op("DECQ %s", eQuads)
	f.op("JNZ quad")
	f.end()
}

// lookup8 looks the codes in Z0 and Z1 up in a table, into registers dst and
// dst+1.
func lookup8(f *file, off int, index string, dst int) {
	at := "(" + eTable + ")"
	if index != "0" {
		at += "(" + index + "*1)"
	}
	for q := range 4 {
		f.op("VMOVDQU64 %d%s, Z%d", off+64*q, at, 26+q)
	}
	for q := range 4 {
		for h := range 2 {
			mask := ""
			if q > 0 {
				mask = fmt.Sprintf("K%d, ", 3*h+q)
			}
			f.op("VPERMB Z%d, Z%d, %sZ%d", 26+q, h, mask, dst+h)
		}
	}
}

// store8 stores a row of words.
func store8(f *file, reg int) {
	f.op("MOVL (%s), %s", eSteps, eStep)
	f.op("ADDQ $4, %s", eSteps)
	f.op("VMOVDQU64 Z%d, (%s)(%s*1)", reg, eDst, eStep)
	f.op("VMOVDQU64 Z%d, 64(%s)(%s*1)", reg+1, eDst, eStep)
}

// decode8Words writes the kernel for codes of 16 bits: gathers words of four
// components, of 16 outputs each, from codewords too many for tables.
func decode8Words(f *file) {
	f.begin("decode8WordsAVX512", "d *decode8Call", "decodes bytes: gathers words; see form8.")
	f.op("MOVQ d+0(FP), %s", eArgs)
	for _, p := range [][2]string{{"codes", eCodes}, {"quads", eQuads}, {"dst", eDst}, {"steps", eSteps}} {
		f.op("MOVQ decode8Call_%s(%s), %s", p[0], eArgs, p[1])
	}
	f.op("VPBROADCASTD decode8Call_size(%s), Z31", eArgs)
	f.label("block")
	for h := range 2 {
		f.op("VPMOVZXWD %d(%s), Z%d", 32*h, eCodes, h)
		f.op("VPMULLD Z31, Z%d, Z%d", h, h)
	}
	f.op("MOVQ decode8Call_planes(%s), %s", eArgs, eTable)
	f.op("MOVQ decode8Call_count(%s), %s", eArgs, eCount)
	f.label("word")
	for h := range 2 {
		f.op("KXNORW K%[1]d, K%[1]d, K%[1]d", h+1)
		f.op("VPXORD Z%[1]d, Z%[1]d, Z%[1]d", h+2) // or the gather would wait for the last one
		f.op("VPGATHERDD (%s)(Z%d*1), K%d, Z%d", eTable, h, h+1, h+2)
	}
	store8(f, 2)
	f.op("ADDQ $4, %s", eTable)
	f.op("DECQ %s", eCount)
	f.op("JNZ word")
	f.op("ADDQ $64, %s", eCodes)
	f.op("DECQ %s", eQuads)
	f.op("JNZ block")
	f.end()
}
