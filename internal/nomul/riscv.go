package nomul

import "debug/elf"

// riscv decodes RISC-V as far as needed (The RISC-V Instruction Set Manual,
// Volume I, chapter "RV32/64G Instruction Set Listings" and extension C).
func riscv(class elf.Class) decoder {
	return func(code []byte) (int, string) {
		h := half(code, 0)
		if h&3 != 3 {
			return 2, riscvCompressed(h, class == elf.ELFCLASS64)
		}
		if len(code) < 4 {
			return len(code), "truncated instruction"
		}
		w := uint32(h) | uint32(half(code, 2))<<16
		switch w & 0x7f {
		case 0x33, 0x3b: // OP, OP-32
			if w>>25 != 1 { // extension M
				break
			}
			if w>>12&7 < 4 {
				return 4, "multiply"
			}
			return 4, "divide"
		case 0x07, 0x27, 0x43, 0x47, 0x4b, 0x4f, 0x53: // loads, stores, fused and other operations of F, D, V
			return 4, "float"
		case 0x57:
			return 4, "vector"
		}
		return 4, ""
	}
}

func riscvCompressed(h uint16, wide bool) string {
	quadrant, funct := h&3, h>>13
	switch {
	case h&0xfc63 == 0x9c41: // C.MUL of Zcb
		return "multiply"
	case h == 0 || quadrant == 1:
		return ""
	case funct == 1 || funct == 5: // C.FLD, C.FSD and their stack forms
		return "float"
	case !wide && (funct == 3 || funct == 7): // C.FLW, C.FSW; C.LD, C.SD if wide
		return "float"
	}
	return ""
}
