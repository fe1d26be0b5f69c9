package main

import (
	"fmt"
	"slices"
	"strings"
)

// The Go assembler has no AMX; these are the encodings of the Intel manual,
// volume 2: VEX.128.0F38.W0 and an opcode. Addresses are base + index, the
// index being the bytes between rows, + displacement.

// registers are the general registers in the order of their numbers.
var registers = []string{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"}

// Prefixes as encoded in VEX.pp.
const ppNone, pp66, ppF3, ppF2 = 0, 1, 2, 3

// vex writes an instruction of bytes; x and b are numbers of general registers.
func (f *file) vex(comment string, x, b, vvvv, pp int, bytes ...byte) {
	p1, p2 := byte(0xe2), byte((^vvvv&15)<<3|pp)
	if x >= 8 {
		p1 &^= 0x40
	}
	if b >= 8 {
		p1 &^= 0x20
	}
	var s []string
	for _, v := range append([]byte{0xc4, p1, p2}, bytes...) {
		s = append(s, fmt.Sprintf("BYTE $%#02x", v))
	}
	f.op("%s // %s", strings.Join(s, "; "), comment)
}

// tileConfig loads the shapes of the tiles from a register's address.
func (f *file) tileConfig(base string) {
	b := slices.Index(registers, base)
	f.vex("LDTILECFG ("+base+")", 0, b, 0, ppNone, 0x49, byte(b&7))
}

func (f *file) tileRelease() { f.vex("TILERELEASE", 0, 0, 0, ppNone, 0x49, 0xc0) }
func (f *file) tileZero(t int) {
	f.vex(fmt.Sprintf("TILEZERO TMM%d", t), 0, 0, 0, ppF2, 0x49, 0xc0|byte(t<<3))
}

// tileLoad and tileStore move a tile.
func (f *file) tileLoad(disp int, base, index string, t int) {
	f.tileMove("TILELOADD", ppF2, disp, base, index, t)
}

func (f *file) tileStore(t, disp int, base, index string) {
	f.tileMove("TILESTORED", ppF3, disp, base, index, t)
}

func (f *file) tileMove(name string, pp, disp int, base, index string, t int) {
	b, x := slices.Index(registers, base), slices.Index(registers, index)
	f.vex(fmt.Sprintf("%s TMM%d, %d(%s)(%s*1)", name, t, disp, base, index), x, b, 0, pp,
		0x4b, byte(0x84|t<<3), byte(x&7<<3|b&7), byte(disp), byte(disp>>8), byte(disp>>16), byte(disp>>24))
}

// tileDot adds the products of unsigned bytes in a with signed bytes in b to sum.
func (f *file) tileDot(sum, a, b int) {
	f.vex(fmt.Sprintf("TDPBUSD TMM%d, TMM%d, TMM%d", sum, a, b), 0, 0, b, pp66, 0x5e, byte(0xc0|sum<<3|a))
}

// tileDotHalf adds the products of bfloat16 in a and b to sum.
func (f *file) tileDotHalf(sum, a, b int) {
	f.vex(fmt.Sprintf("TDPBF16PS TMM%d, TMM%d, TMM%d", sum, a, b), 0, 0, b, ppF3, 0x5c, byte(0xc0|sum<<3|a))
}

// tile8AMX sums 32 x 32 in four tiles (0 and 1: the columns of the first 16
// rows, 2 and 3: those of the other rows), 64 bytes of the sum at a time. The
// tiles live within this function, which is not preempted.
func tile8AMX(f *file) {
	const config, lda, store, wide = "DI", "R8", "R9", "R10"
	f.begin("tile8AMX", "t *tile8Call", "sums a tile of at most 32 x 32 by AMX, segments of multiples of 64; see TileI8Args.")
	f.op("MOVQ t+0(FP), %s", tArgs)
	for _, p := range [][2]string{{"config", config}, {"a", tA}, {"lda", lda}, {"segs", tSegs}, {"nsegs", tCount}, {"b", tB}, {"sums", store}, {"m", tLen}} {
		f.op("MOVQ tile8Call_%s(%s), %s", p[0], tArgs, p[1])
	}
	f.op("MOVQ $128, %s", wide)
	f.tileConfig(config)
	f.op("CMPQ %s, $16", tLen)
	f.op("JLE half")
	tile8AMXRows(f, "whole", 2)
	f.label("half")
	tile8AMXRows(f, "low", 1)
}

// tile8AMXRows writes the sum of one or two blocks of 16 rows.
func tile8AMXRows(f *file, name string, blocks int) {
	const lda, store, wide, row1 = "R8", "R9", "R10", "CX"
	for t := range 2 * blocks {
		f.tileZero(t)
	}
	f.label("%sSegment", name)
	f.op("MOVQ Segment_Len(%s), %s", tSegs, tLen)
	f.op("MOVQ Segment_Off(%s), %s", tSegs, tRow0)
	f.op("ADDQ %s, %s", tA, tRow0)
	if blocks == 2 {
		f.op("MOVQ %s, %s", lda, row1)
		f.op("SHLQ $4, %s", row1)
		f.op("ADDQ %s, %s", tRow0, row1)
	}
	f.op("TESTQ %[1]s, %[1]s", tLen)
	f.op("JZ %sNext", name)
	f.label("%sLoop", name)
	f.tileLoad(0, tRow0, lda, 4)
	f.tileLoad(0, tB, wide, 6)
	f.tileDot(0, 4, 6)
	f.tileLoad(64, tB, wide, 7)
	f.tileDot(1, 4, 7)
	if blocks == 2 {
		f.tileLoad(0, row1, lda, 5)
		f.tileDot(2, 5, 6)
		f.tileDot(3, 5, 7)
		f.op("ADDQ $64, %s", row1)
	}
	f.op("ADDQ $2048, %s", tB)
	f.op("ADDQ $64, %s", tRow0)
	f.op("SUBQ $64, %s", tLen)
	f.op("JNZ %sLoop", name)
	f.label("%sNext", name)
	f.op("ADDQ $Segment__size, %s", tSegs)
	f.op("DECQ %s", tCount)
	f.op("JNZ %sSegment", name)
	for t := range 2 * blocks {
		f.tileStore(t, t/2*16*128+t%2*64, store, wide)
	}
	f.tileRelease()
	f.end()
}
