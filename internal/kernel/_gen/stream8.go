package main

import "fmt"

// Registers of stream8AMX where they are not those of grid8AMX.
const (
	yA2, yA3 = "SI", "R12"
	yTable   = "BX"
	yStep    = "R8"
	yDst     = iLda  // while decoding
	yAt      = iWide // while decoding
)

func yField(name string) string { return "stream8Call_" + name + "(" + iArgs + ")" }

// stream8AMX multiplies blocks of four tiles of rows by one of 16 outputs:
// tiles 0 to 3 are sums, 4 is weights, the others rows. The weights are decoded
// a chunk of the sum before they are needed, into a ring that the first level
// of cache holds where there is one block. Results are finished as in grid8AMX.
func stream8AMX(f *file) {
	f.begin("stream8AMX", "c *stream8Call", "computes a grid by AMX from codes; see CodesI8.")
	f.op("MOVQ c+0(FP), %s", iArgs)
	f.op("MOVQ %s, %s", iField("config"), iX)
	f.tileConfig(iX)
	f.op("MOVQ %s, %s", iField("lda"), iLda)
	f.op("MOVQ $64, %s", iWide)
	grid8Constants(f)
	f.op("VBROADCASTI32X4 stream8Transpose<>(SB), Z22")
	f.label("fill")
	stream8Decode(f, "fill", "filled")
	f.op("JMP fill")
	f.label("filled")
	f.op("MOVQ %s, %s", yField("ring"), iB)

	stream8Panels(f)
	f.tileRelease()
	f.end()
}

// stream8Panels is the loops over panels, blocks, halves of the outputs, chunks.
func stream8Panels(f *file) {
	f.label("panel")
	f.op("MOVQ %s, %s", iB, yField("panelAt"))
	f.op("MOVQ %s, %s", yField("blocks"), iX)
	f.op("MOVQ %s, %s", iX, yField("block"))
	f.op("MOVQ %s, %s", iField("nblocks"), iX)
	f.op("MOVQ %s, %s", iX, yField("blocksLeft"))
	f.label("block")
	f.op("MOVQ %s, %s", yField("block"), iX)
	for i, r := range []string{iA0, iA1, yA2, yA3} {
		f.op("MOVQ tall8_a+%d(%s), %s", 8*i, iX, r)
		f.op("ADDQ %s, %s", iField("a"), r)
	}
	f.op("MOVQ %s, %s", yField("panelAt"), iB)
	f.label("half")
	for t := range 4 {
		f.tileZero(t)
	}
	f.op("MOVQ %s, %s", iField("steps"), iSteps)
	f.label("chunk")
	stream8Chunk(f)
	f.op("CMPQ %s, %s", iSteps, iField("lastStep"))
	f.op("JNE chunk")
	f.label("drain")
	grid8Finish(f, "drain", "drained")
	f.op("JMP drain")
	f.label("drained")
	f.op("CMPQ %s, $0", yField("blocksLeft"))
	f.op("JEQ done")
	f.op("MOVQ %s, %s", iField("sums"), iSums)
	f.op("ADDQ %s, %s", yField("column"), iSums)
	f.op("MOVQ $128, %s", iX)
	for t := range 4 {
		f.tileStore(t, t*16*128, iSums, iX)
	}
	f.op("XORQ $64, %s", yField("column"))
	f.op("JNZ half")
	f.op("MOVQ %s, %s", yField("block"), iBlock)
	grid8Pending(f, "tall8", "panel", "")
	f.op("ADDQ $tall8__size, %s", yField("block"))
	f.op("DECQ %s", yField("blocksLeft"))
	f.op("JNZ block")
	f.op("INCQ %s", iState("panel"))
	f.op("MOVQ %s, %s", iState("panel"), iX)
	f.op("CMPQ %s, %s", iX, iField("panels"))
	f.op("JLT panel")
	f.op("JMP drain")
	f.label("done")
}

// stream8Chunk multiplies one chunk, and decodes the next where this is the
// first block of the panel.
func stream8Chunk(f *file) {
	f.op("MOVQ %s, %s", yField("blocksLeft"), iX)
	f.op("CMPQ %s, %s", iX, iField("nblocks"))
	f.op("JNE decoded")
	f.op("CMPQ %s, $0", yField("chunksLeft"))
	f.op("JEQ decoded")
	f.op("DECQ %s", yField("chunksLeft"))
	f.op("MOVQ %s, %s", yField("vectors"), iX)
	f.op("MOVQ %s, %s", iX, yField("vectorsLeft"))
	f.label("decoded")
	f.op("MOVQ %s, %s", yField("chunkSteps"), iX)
	f.op("ADDQ %s, %s", iSteps, iX)
	f.op("MOVQ %s, %s", iX, yField("chunkEnd"))
	f.op("MOVQ %s, %s", yField("block"), iX)
	f.op("CMPQ tall8_tiles(%s), $2", iX)
	f.op("JLE twoStep")
	stream8Steps(f, "four", 4)
	f.op("JMP rest")
	stream8Steps(f, "two", 2)
	f.label("rest")
	stream8Decode(f, "rest", "rested")
	f.op("JMP rest")
	f.label("rested")
	f.op("CMPQ %s, %s", iB, yField("ringEnd"))
	f.op("JNE onward")
	f.op("MOVQ %s, %s", yField("ring"), iB)
	f.label("onward")
}

// stream8Steps multiplies some tiles until the end of the chunk.
func stream8Steps(f *file, name string, tiles int) {
	f.label("%sStep", name)
	f.op("MOVQ (%s), %s", iSteps, iY)
	f.tileLoad(0, iB, iWide, 4)
	for t, a := range []string{iA0, iA1, yA2, yA3}[:tiles] {
		f.op("LEAQ (%s)(%s*1), %s", a, iY, iX)
		f.tileLoad(0, iX, iLda, 5+t%3)
		f.tileDot(t, 5+t%3, 4)
		if t == 1 && tiles > 2 { // short work between the tiles keeps them coming
			stream8Decode(f, name+"Half", name+"Halved")
			f.label("%sHalved", name)
			f.op("MOVQ (%s), %s", iSteps, iY)
		}
	}
	f.op("ADDQ $1024, %s", iB)
	f.op("ADDQ $8, %s", iSteps)
	grid8Finish(f, name, name+"Decode")
	f.label("%sDecode", name)
	stream8Decode(f, name, name+"Next")
	f.label("%sNext", name)
	f.op("CMPQ %s, %s", iSteps, yField("chunkEnd"))
	f.op("JNE %sStep", name)
}

// stream8Decode decodes as many vectors of 64 codes, [16 outputs][4 blocks],
// as the rate says, and jumps to none if the chunk has no more. The functions
// of genDecode8 are easier to read.
func stream8Decode(f *file, name, none string) {
	f.op("CMPQ %s, $0", yField("vectorsLeft"))
	f.op("JEQ %s", none)
	f.op("MOVQ %s, %s", yField("rate"), yTable)
	f.op("MOVQ %s, %s", yTable, yField("todo"))
	f.label("%sVector", name)
	stream8Load(f, name)
	f.op("CMPQ %s, $const_byPairs", yField("form"))
	f.op("JEQ %sPairs", name)
	f.op("JGT %sChannels", name)
	f.label("%sTaps", name)
	stream8Lookup(f, 0, "", 2)
	stream8Store(f, 2)
	stream8Again(f, name, "Taps", 1)
	f.op("JMP %sDone", name)
	f.label("%sPairs", name)
	stream8Pairs(f)
	stream8Again(f, name, "Pairs", 1)
	f.op("JMP %sDone", name)
	f.label("%sChannels", name)
	stream8Channels(f)
	stream8Again(f, name, "Channels", 4)

	f.label("%sDone", name)
	f.op("MOVQ %s, %s", yStep, yField("place"))
	f.op("DECQ %s", yField("vectorsLeft"))
	f.op("JNZ %sMore", name)
	stream8Next(f, name)
	f.op("JMP %sBack", name)
	f.label("%sMore", name)
	f.op("DECQ %s", yField("todo"))
	f.op("JNZ %sVector", name)
	f.label("%sBack", name)
	f.op("MOVQ %s, %s", iField("lda"), iLda)
	f.op("MOVQ $64, %s", iWide)
}

// stream8Load loads a vector of codes and finds which of the four parts of a
// table, the last three under masks, hold them.
func stream8Load(f *file, name string) {
	f.op("MOVQ %s, %s", yField("codes"), yTable)
	f.op("VMOVDQU64 (%s), Z0", yTable)
	f.op("ADDQ $128, %s", yField("codes")) // over those of the other 16 outputs
	f.op("MOVQ %s, %s", yField("place"), yStep)
	f.op("MOVQ %s, %s", yField("decodeAt"), yDst)
	f.op("MOVQ %s, %s", yField("planes"), yTable)
	f.op("CMPQ %s, $const_byChannels", yField("form"))
	f.op("JNE %sMasks", name)
	f.op("VPSHUFB Z22, Z0, Z0")
	f.label("%sMasks", name)
	f.op("VPADDB Z0, Z0, Z1")
	f.op("VPMOVB2M Z1, K3")
	f.op("VPMOVB2M Z0, K4")
	f.op("KANDQ K3, K4, K5")
	f.op("KXORQ K5, K3, K3")
	f.op("KXORQ K5, K4, K4")
}

// stream8Next goes to the next chunk to decode: of these 16 outputs, of the
// other ones, or of the next panel.
func stream8Next(f *file, name string) {
	f.op("ADDQ %s, %s", yField("chunkBytes"), yDst)
	f.op("CMPQ %s, %s", yDst, yField("ringEnd"))
	f.op("JNE %sStay", name)
	f.op("MOVQ %s, %s", yField("ring"), yDst)
	f.label("%sStay", name)
	f.op("MOVQ %s, %s", yDst, yField("decodeAt"))
	f.op("DECQ %s", yField("halfLeft"))
	f.op("JNZ %sBack", name)
	f.op("MOVQ %s, %s", yField("chunks"), yAt)
	f.op("MOVQ %s, %s", yAt, yField("halfLeft"))
	f.op("MOVQ %s, %s", yField("places"), yAt)
	f.op("MOVQ %s, %s", yAt, yField("place"))
	f.op("MOVQ %s, %s", yField("otherHalf"), yAt) // 64 - bytes of a panel, then -64
	f.op("ADDQ %s, %s", yAt, yField("codes"))
	f.op("XORQ %s, %s", yField("otherFlip"), yAt)
	f.op("MOVQ %s, %s", yAt, yField("otherHalf"))
}

// stream8Again goes on with the next components of the codewords.
func stream8Again(f *file, name, label string, components int) {
	f.op("ADDQ $%d, %s", 256*components, yTable)
	f.op("CMPQ %s, %s", yTable, yField("planesEnd"))
	f.op("JNE %s%s", name, label)
}

// stream8Lookup looks the codes up in the table at an offset.
func stream8Lookup(f *file, off int, index string, reg int) {
	for q := range 4 {
		mask := ""
		if q > 0 {
			mask = fmt.Sprintf("K%d, ", 2+q)
		}
		f.op("VPERMB %d(%s)%s, Z0, %sZ%d", off+64*q, yTable, index, mask, reg)
	}
}

// stream8Store stores a row of words.
func stream8Store(f *file, reg int) {
	f.op("MOVL (%s), %s", yStep, yAt)
	f.op("ADDQ $4, %s", yStep)
	f.op("VMOVDQU64 Z%d, (%s)(%s*1)", reg, yDst, yAt)
}

func stream8Pairs(f *file) {
	f.op("MOVQ %s, %s", yField("half"), yAt)
	stream8Lookup(f, 0, "", 2)
	stream8Lookup(f, 0, "("+yAt+"*1)", 3)
	f.op("VPUNPCKLBW Z3, Z2, Z4")
	f.op("VPUNPCKHBW Z3, Z2, Z5")
	f.op("VSHUFPS $0x88, Z5, Z4, Z6")
	f.op("VSHUFPS $0xdd, Z5, Z4, Z7")
	stream8Store(f, 6)
	stream8Store(f, 7)
}

func stream8Channels(f *file) {
	for j := range 4 {
		stream8Lookup(f, 256*j, "", 2+j)
	}
	for i, half := range []string{"L", "H"} {
		f.op("VPUNPCK%sBW Z3, Z2, Z%d", half, 6+i)
		f.op("VPUNPCK%sBW Z5, Z4, Z%d", half, 8+i)
	}
	for b := range 4 {
		f.op("VPUNPCK%sWD Z%d, Z%d, Z%d", "LH"[b%2:][:1], 8+b/2, 6+b/2, 2+b)
	}
	for b := range 4 {
		stream8Store(f, 2+b)
	}
}
