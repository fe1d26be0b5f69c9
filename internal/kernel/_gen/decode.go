package main

import "fmt"

// genDecode writes the kernels that turn codes into rows of a weight panel.
func genDecode(f *file) {
	decodeBytes(f)
	for _, s := range []isa{avx2, avx512} {
		decodeGather(f, s, 1)
		decodeGather(f, s, 2)
	}
}

const (
	dArgs, dCodes, dStride, dRows, dBlocks = "AX", "SI", "R8", "R9", "CX"
	dDst, dTable, dJ, dRow                 = "DI", "R11", "R12", "BX"
)

func decodeBegin(f *file, name, doc string) {
	f.begin(name, "d *decodeCall", doc)
	f.op("MOVQ d+0(FP), %s", dArgs)
	f.op("MOVQ decodeCall_codes(%s), %s", dArgs, dCodes)
	f.op("MOVQ decodeCall_stride(%s), %s", dArgs, dStride)
	f.op("MOVQ decodeCall_rows(%s), %s", dArgs, dRows)
	f.op("MOVQ decodeCall_blocks(%s), %s", dArgs, dBlocks)
	f.op("MOVQ decodeCall_dst(%s), %s", dArgs, dDst)
}

// decodeBytes looks 64 codes up at a time, of two blocks, in tables of the low
// and the high bytes of float16 numbers: four VPERMB of 64 entries each, the
// last three under masks of bits 7 and 6 of the codes. The quarters of the
// codes are ordered so that unpacking gives one block in each half.
func decodeBytes(f *file) {
	decodeBegin(f, "decodeBytesAVX512", "decodes float16 codewords by their bytes; d.planes is [D][2][256].")
	const second, rows2 = "DX", "R10"
	f.op("VMOVDQU64 decodeQuarters<>(SB), Z31")
	f.op("MOVL decodeCall_mask(%s), %s", dArgs, dRow)
	f.op("KMOVD %s, K1", dRow)
	f.op("KSHIFTRD $16, K1, K7")
	f.label("pair")
	// The last of an odd number of blocks is its own partner.
	f.op("MOVQ %s, %s", dCodes, second)
	f.op("MOVQ %s, %s", dRows, rows2)
	f.op("CMPQ %s, $1", dBlocks)
	f.op("JEQ alone")
	f.op("ADDQ %s, %s", dStride, second)
	f.op("MOVQ decodeCall_d(%s), %s", dArgs, dJ)
	f.op("LEAQ (%s)(%s*4), %s", dRows, dJ, rows2)
	f.label("alone")
	f.op("VMOVDQU8.Z (%s), K1, Y0", dCodes)
	f.op("VMOVDQU8.Z (%s), K1, Y1", second)
	f.op("VINSERTI64X4 $1, Y1, Z0, Z0")
	f.op("VPERMQ Z0, Z31, Z0")
	f.op("VPMOVB2M Z0, K2")
	f.op("VPADDB Z0, Z0, Z1")
	f.op("VPMOVB2M Z1, K3")
	f.op("KANDNQ K3, K2, K4")
	f.op("KANDNQ K2, K3, K5")
	f.op("KANDQ K2, K3, K6")
	f.op("MOVQ decodeCall_planes(%s), %s", dArgs, dTable)
	f.op("MOVQ decodeCall_d(%s), %s", dArgs, dJ)
	f.label("component")
	for i, mask := range []string{"", "K4, ", "K5, ", "K6, "} {
		f.op("VPERMB %d(%s), Z0, %sZ2", 64*i, dTable, mask)
		f.op("VPERMB %d(%s), Z0, %sZ3", 256+64*i, dTable, mask)
	}
	decodeRow(f, "first", "VPUNPCKLBW", dRows)
	decodeRow(f, "second", "VPUNPCKHBW", rows2)
	f.op("ADDQ $512, %s", dTable)
	f.op("DECQ %s", dJ)
	f.op("JNZ component")
	f.op("MOVQ %s, %s", rows2, dRows) // now behind the partner's rows
	f.op("LEAQ (%s)(%s*1), %s", second, dStride, dCodes)
	f.op("SUBQ $2, %s", dBlocks)
	f.op("JG pair")
	f.end()
	f.data64("decodeQuarters", 0, 4, 1, 5, 2, 6, 3, 7)
}

// decodeRow stores one row of the panel, from the low bytes in Z2 and the high
// ones in Z3.
func decodeRow(f *file, name, unpack, rows string) {
	f.op("MOVLQSX (%s), %s", rows, dRow)
	f.op("ADDQ $4, %s", rows)
	f.op("TESTQ %[1]s, %[1]s", dRow)
	f.op("JS %s", name)
	f.op("SHLQ $7, %s", dRow)
	f.op("%s Z3, Z2, Z4", unpack)
	f.op("VEXTRACTI64X4 $1, Z4, Y5")
	f.op("VCVTPH2PS.Z Y4, K1, Z4")
	f.op("VCVTPH2PS.Z Y5, K7, Z5")
	f.op("VMOVUPS Z4, (%s)(%s*1)", dDst, dRow)
	f.op("VMOVUPS Z5, 64(%s)(%s*1)", dDst, dRow)
	f.label("%s", name)
}

// decodeGather looks codes of size bytes up in tables of float32. AVX2 has no
// cheap masks, and does full panels only.
func decodeGather(f *file, s isa, size int) {
	name := fmt.Sprintf("decodeGather%d%s", 8*size, s.name)
	decodeBegin(f, name, "decodes float32 codewords; d.planes is [D][K] float32.")
	widen, masks, zeroing, shift := "VPMOVZXBD", []string{"", ""}, "", 6
	if size == 2 {
		widen = "VPMOVZXWD"
	}
	if s.masked() {
		masks, zeroing, shift = []string{"K1, ", "K7, "}, ".Z", 7
		f.op("MOVL decodeCall_mask(%s), %s", dArgs, dRow)
		f.op("KMOVD %s, K1", dRow)
		f.op("KSHIFTRD $16, K1, K7")
	}
	f.op("SHLQ $%d, %s", size-1, dStride)
	f.op("MOVQ decodeCall_k(%s), R13", dArgs)
	f.op("SHLQ $2, R13")
	f.label("block")
	for v, mask := range masks {
		f.op("%s%s %d(%s), %s%s", widen, zeroing, v*s.lanes()*size, dCodes, mask, s.r(v))
	}
	f.op("MOVQ decodeCall_planes(%s), %s", dArgs, dTable)
	f.op("MOVQ decodeCall_d(%s), %s", dArgs, dJ)
	f.label("component")
	f.op("MOVLQSX (%s), %s", dRows, dRow)
	f.op("ADDQ $4, %s", dRows)
	f.op("TESTQ %[1]s, %[1]s", dRow)
	f.op("JS skip")
	f.op("SHLQ $%d, %s", shift, dRow)
	for v, mask := range masks {
		f.zero(s, 2+v)
		// A gather clears its mask.
		if s.masked() {
			f.op("KMOVD %sK%d", mask, 2+v)
			f.op("VGATHERDPS (%s)(%s*4), K%d, %s", dTable, s.r(v), 2+v, s.r(2+v))
		} else {
			f.op("VPCMPEQD Y4, Y4, Y4")
			f.op("VGATHERDPS Y4, (%s)(%s*4), %s", dTable, s.r(v), s.r(2+v))
		}
		f.op("VMOVUPS %s, %d(%s)(%s*1)", s.r(2+v), v*s.bytes, dDst, dRow)
	}
	f.label("skip")
	f.op("ADDQ R13, %s", dTable)
	f.op("DECQ %s", dJ)
	f.op("JNZ component")
	f.op("ADDQ %s, %s", dStride, dCodes)
	f.op("DECQ %s", dBlocks)
	f.op("JNZ block")
	f.end()
}
