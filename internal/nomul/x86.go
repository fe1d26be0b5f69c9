package nomul

import (
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// x86 decodes x86-64.
func x86(code []byte) (int, string) {
	if len(code) >= 4 && string(code[:4]) == "\xf3\x0f\x1e\xfa" { // ENDBR64, which the decoder does not know
		return 4, ""
	}
	if code[0] == 0x62 || code[0] == 0xc4 || code[0] == 0xc5 { // EVEX and VEX, which it takes for something else
		return 1, "vector"
	}
	inst, err := x86asm.Decode(code, 64)
	if err != nil || inst.Op == 0 {
		return 1, "unknown instruction"
	}
	switch inst.Op {
	case x86asm.MUL, x86asm.IMUL:
		return inst.Len, "multiply"
	case x86asm.DIV, x86asm.IDIV:
		return inst.Len, "divide"
	}
	if strings.HasPrefix(inst.Op.String(), "F") { // x87
		return inst.Len, "float"
	}
	for _, a := range inst.Args {
		if r, ok := a.(x86asm.Reg); ok && r >= x86asm.F0 && r <= x86asm.X15 {
			return inst.Len, "float or vector"
		}
	}
	return inst.Len, ""
}
