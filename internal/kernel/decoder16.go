package kernel

// DecoderBF16 turns codes of bfloat16 codewords into panels of weights (see
// PanelBF16). It is read-only after NewDecoderBF16, and may be shared.
type DecoderBF16 struct {
	words  []BF16 // [K][D]
	k, d   int
	places []int32 // [blocks][D]: place in the panel of a component, for output 0
	depth  int
	full   bool     // rows name every input
	planes []uint8  // [D][2][256]: low and high bytes of component j of every codeword; nil if K > 256
	form   form16   // of the first quads
	quads  int      // blocks/4 that have the form; of words16: blocks
	steps  []uint32 // places in the panel of the pairs of the form, in bytes
}

// PanelCodes16 are the codes of the outputs of one panel, as DecodeBF16 reads them.
type PanelCodes16 struct {
	vectors []uint8  // [blocks/4][2][64], K <= 256; see place
	wide    []uint16 // [blocks][32], K > 256
}

// Bytes is the size of c in memory.
func (c PanelCodes16) Bytes() int { return len(c.vectors) + 2*len(c.wide) }

// form16 is how the inputs of four blocks, a quad, make pairs in a panel.
type form16 uint8

const (
	scattered16 form16 = iota // no such way
	taps16                    // a component of two blocks makes a pair: 3x3 blocks of 9
	pairs16                   // components j and j+D/2 of a block make a pair: 3x3 blocks of 18
	channels16                // components j and j+1 of a block do: 1x1 blocks of 4, 8, 16
	words16                   // the same, of more than 256 codewords; all blocks have it
)

// NewDecoderBF16 arranges words, codewords of d numbers each, for a panel of
// depth inputs (an even number): component j of the codeword of block b is the
// weight of input rows[b*d+j], each named at most once. Inputs that rows does
// not name have weight 0. It panics if a row is outside the panel.
func NewDecoderBF16(words []BF16, d int, rows []int32, depth int) *DecoderBF16 {
	if d < 1 || len(rows)%d != 0 || depth%2 != 0 {
		panic("kernel: bf16 decoder: size out of range")
	}
	dec := &DecoderBF16{words: words, k: len(words) / d, d: d, depth: depth, full: len(rows) == depth}
	for _, r := range rows {
		if r < 0 || int(r) >= depth {
			panic("kernel: bf16 decoder: row outside the panel")
		}
		dec.places = append(dec.places, int32(PanelBF16(int(r), 0)))
	}
	forms := []form16{taps16, channels16, pairs16}
	if dec.k > 256 {
		forms = []form16{words16}
	} else {
		dec.planes = make([]uint8, d*512)
		for i, w := range words[:dec.k*d] {
			at := i%d*512 + i/d
			dec.planes[at], dec.planes[at+256] = uint8(w), uint8(w>>8)
		}
	}
	for _, form := range forms {
		if steps, quads := dec.pairSteps(rows, form); quads > dec.quads {
			dec.form, dec.steps, dec.quads = form, steps, quads
		}
	}
	return dec
}

func (d *DecoderBF16) blocks() int { return len(d.places) / d.d }

// pairSteps are the places of the pairs of all quads in that form, or of all
// blocks for words16, until one has it not.
func (d *DecoderBF16) pairSteps(rows []int32, form form16) (steps []uint32, quads int) {
	per := 4
	if form == words16 {
		per = 1
	}
	for q := range d.blocks() / per {
		pairs := d.pairs(rows[per*q*d.d:][:per*d.d], form)
		for _, p := range pairs {
			if p[0]%2 != 0 || p[1] != p[0]+1 {
				return steps, quads
			}
		}
		if len(pairs) == 0 {
			return nil, 0
		}
		for _, p := range pairs {
			steps = append(steps, uint32(2*PanelBF16(int(p[0]), 0)))
		}
		quads++
	}
	if form == words16 && quads < d.blocks() {
		return nil, 0
	}
	return steps, quads
}

// pairs are the inputs of the pairs of a quad, or of a block for words16, with
// those rows, in the order in which the assembly stores them; none if D does
// not allow the form.
func (d *DecoderBF16) pairs(rows []int32, form form16) (all [][2]int32) {
	switch {
	case form == taps16:
		for j := range d.d {
			for b := 0; b < 4; b += 2 {
				all = append(all, [2]int32{rows[b*d.d+j], rows[(b+1)*d.d+j]})
			}
		}
	case d.d%2 != 0:
	case form == pairs16:
		h := d.d / 2
		for j := range h {
			for b := range 4 {
				all = append(all, [2]int32{rows[b*d.d+j], rows[b*d.d+j+h]})
			}
		}
	default: // channels16, words16
		for j := 0; j < d.d; j += 2 {
			for b := range len(rows) / d.d {
				all = append(all, [2]int32{rows[b*d.d+j], rows[b*d.d+j+1]})
			}
		}
	}
	return all
}

// place is where PanelCodes16.vectors has the code of a block and output: the
// quarters of a vector are four outputs each, of taps16 [2 pairs of blocks][4
// outputs][2 blocks], else [4 blocks][4 outputs].
func (d *DecoderBF16) place(block, output int) int {
	at := block/4*(4*cols8) + output/4*16
	if b, o := block%4, output%4; d.form == taps16 {
		return at + b/2*8 + o*2 + b%2
	} else {
		return at + b*4 + o
	}
}

// Pack arranges the codes of n outputs, n <= 32, for d: that of block b,
// output i is codes[b*stride+i]. It panics if a code is not below K.
func (d *DecoderBF16) Pack(codes []uint16, stride, n int) PanelCodes16 {
	if n < 1 || n > cols8 {
		panic("kernel: bf16 decoder: outputs out of range")
	}
	var c PanelCodes16
	if d.k > 256 {
		c.wide = make([]uint16, d.blocks()*cols8)
	} else {
		c.vectors = make([]uint8, (d.blocks()+3)/4*4*cols8)
	}
	for b := range d.blocks() {
		for i, code := range codes[b*stride:][:n] {
			switch {
			case int(code) >= d.k:
				panic("kernel: bf16 decoder: code out of range")
			case c.wide != nil:
				c.wide[b*cols8+i] = code
			default:
				c.vectors[d.place(b, i)] = uint8(code)
			}
		}
	}
	return c
}

// DecodeBF16 writes the panel of c to dst, depth*32 numbers. Columns behind
// those of c get the first codeword.
func (l Level) DecodeBF16(dst []BF16, d *DecoderBF16, c PanelCodes16) {
	need(dst, d.depth*cols8)
	if d.k > 256 {
		need(c.wide, d.blocks()*cols8)
	} else {
		need(c.vectors, (d.blocks()+3)/4*4*cols8)
	}
	if !d.full {
		clear(dst[:d.depth*cols8])
	}
	if d.blocks() > 0 {
		decode16(l, dst, d, c)
	}
}

// decode16Generic decodes blocks from and following.
func decode16Generic(dst []BF16, d *DecoderBF16, c PanelCodes16, from int) {
	for b := from; b < d.blocks(); b++ {
		places := d.places[b*d.d:][:d.d]
		for n := range cols8 {
			var code int
			if c.wide != nil {
				code = int(c.wide[b*cols8+n])
			} else {
				code = int(c.vectors[d.place(b, n)])
			}
			word := d.words[code*d.d:][:len(places)]
			for j, at := range places {
				dst[int(at)+2*n] = word[j]
			}
		}
	}
}
