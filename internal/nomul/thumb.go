package nomul

// thumb decodes Thumb and Thumb-2 as far as needed (Arm v8-M Architecture
// Reference Manual, DDI0553, C2.2: instruction set encoding).
func thumb(code []byte) (int, string) {
	h := half(code, 0)
	if h>>11 < 0x1d { // 16 bits
		if h&0xffc0 == 0x4340 {
			return 2, "multiply"
		}
		return 2, ""
	}
	switch second := half(code, 2); {
	case len(code) < 4:
		return len(code), "truncated instruction"
	case h&0xff80 == 0xfb00: // MUL, MLA, SMLAD, USAD8, ...
		return 4, "multiply"
	case h&0xffd0 == 0xfb90 && second&0xf0 == 0xf0: // SDIV, UDIV
		return 4, "divide"
	case h&0xff80 == 0xfb80: // SMULL, UMLAL, ...
		return 4, "multiply"
	case h&0xec00 == 0xec00: // coprocessor, VFP, MVE
		return 4, "float or coprocessor"
	}
	return 4, ""
}
