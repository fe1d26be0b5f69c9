package main

// genDecode16 writes the kernels that turn codes of bfloat16 codewords into
// panels: lookups of 64 codes in tables of low and of high bytes.
func genDecode16(f *file) {
	decode16(f, "Taps", "a component of two blocks makes a pair", func() {
		lookup8(f, 0, "0", 2)
		lookup8(f, 256, "0", 4)
		for h := range 2 {
			f.op("VPUNPCKLBW Z%d, Z%d, Z%d", 4+h, 2+h, 14+h)
			f.op("VPUNPCKHBW Z%d, Z%d, Z%d", 4+h, 2+h, 16+h)
		}
		store8(f, 14)
		store8(f, 16)
		f.op("ADDQ $512, %s", eTable)
	})
	decode16(f, "Pairs", "two components of a block make a pair", func() {
		lookup8(f, 0, "0", 2)
		lookup8(f, 256, "0", 4)
		lookup8(f, 0, eHalf, 6)
		lookup8(f, 256, eHalf, 8)
		for h := range 2 {
			for i, half := range []string{"L", "H"} {
				f.op("VPUNPCK%sBW Z%d, Z%d, Z%d", half, 4+h, 2+h, 10+i)
				f.op("VPUNPCK%sBW Z%d, Z%d, Z%d", half, 8+h, 6+h, 12+i)
			}
			for b := range 4 {
				f.op("VPUNPCK%sWD Z%d, Z%d, Z%d", "LH"[b%2:][:1], 12+b/2, 10+b/2, 14+2*b+h)
			}
		}
		for b := range 4 {
			store8(f, 14+2*b)
		}
		f.op("ADDQ R10, %s", eTable)
	})
}

// decode16 writes the loop over quads and components.
func decode16(f *file, name, doc string, body func()) {
	f.begin("decode16"+name+"AVX512", "d *decode16Call", "decodes bfloat16: "+doc+"; see form16.")
	f.op("MOVQ d+0(FP), %s", eArgs)
	for _, p := range [][2]string{{"codes", eCodes}, {"quads", eQuads}, {"dst", eDst}, {"steps", eSteps}, {"half", eHalf}, {"advance", "R10"}} {
		f.op("MOVQ decode16Call_%s(%s), %s", p[0], eArgs, p[1])
	}
	f.label("quad")
	for h := range 2 {
		f.op("VMOVDQU64 %d(%s), Z%d", 64*h, eCodes, h)
		codeMasks(f, h, 3*h)
	}
	f.op("MOVQ decode16Call_planes(%s), %s", eArgs, eTable)
	f.op("MOVQ decode16Call_count(%s), %s", eArgs, eCount)
	f.label("component")
	body()
	f.op("DECQ %s", eCount)
	f.op("JNZ component")
	f.op("ADDQ $128, %s", eCodes)
	f.op("DECQ %s", eQuads)
	f.op("JNZ quad")
	f.end()
}

// codeMasks makes masks k+1, k+2, k+3 of the codes 64..127, 128..191, 192..255
// in a register.
func codeMasks(f *file, reg, k int) {
	f.op("VPADDB Z%d, Z%d, Z2", reg, reg)
	f.op("VPMOVB2M Z2, K%d", k+1)
	f.op("VPMOVB2M Z%d, K%d", reg, k+2)
	f.op("KANDQ K%d, K%d, K%d", k+1, k+2, k+3)
	f.op("KXORQ K%[2]d, K%[1]d, K%[1]d", k+1, k+3)
	f.op("KXORQ K%[2]d, K%[1]d, K%[1]d", k+2, k+3)
}
