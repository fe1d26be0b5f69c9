package kernel

// DecoderI8 turns codes of 8-bit codewords into panels of weights (see
// PanelI8). It is read-only after NewDecoderI8, and may be shared.
type DecoderI8 struct {
	words  []int8 // [K][D]
	k, d   int
	places []int32 // [blocks][D]: place in the panel of a component, for output 0
	depth  int
	full   bool     // rows name every input
	planes []uint8  // [D][256]: component j of every codeword; nil if K > 256
	form   form8    // of the first quads
	quads  int      // blocks/4 that have the form; of byWords: blocks
	steps  []uint32 // what the form needs: places in the panel, in bytes
	stream stream8
}

// PanelCodes are the codes of the outputs of panels, as DecodeI8 reads them.
type PanelCodes struct {
	vectors []uint8  // per panel [blocks/4][2][16 outputs][4 blocks], K <= 256
	wide    []uint16 // per panel [blocks][32], K > 256
	size    int      // elements of a panel
	panels  int
}

// Bytes is the size of c in memory.
func (c PanelCodes) Bytes() int { return len(c.vectors) + 2*len(c.wide) }

// Panels is the number of panels.
func (c PanelCodes) Panels() int { return c.panels }

// Slice is the panels of c from first to before end.
func (c PanelCodes) Slice(first, end int) PanelCodes {
	if c.wide != nil {
		c.wide = c.wide[first*c.size : end*c.size]
	} else {
		c.vectors = c.vectors[first*c.size : end*c.size]
	}
	c.panels = end - first
	return c
}

// Append is c and the panels of b, which are of the same decoder, behind them.
func (c PanelCodes) Append(b PanelCodes) PanelCodes {
	c.vectors, c.wide = append(c.vectors, b.vectors...), append(c.wide, b.wide...)
	c.size, c.panels = b.size, c.panels+b.panels
	return c
}

// NewDecoderI8 arranges words, codewords of d bytes each, for a panel of depth
// inputs (a multiple of 4): component j of the codeword of block b is the
// weight of input rows[b*d+j], each named at most once. Inputs that rows does
// not name have weight 0. It panics if a row is outside the panel.
func NewDecoderI8(words []int8, d int, rows []int32, depth int) *DecoderI8 {
	if d < 1 || len(rows)%d != 0 || depth%4 != 0 {
		panic("kernel: int8 decoder: size out of range")
	}
	for _, r := range rows {
		if r < 0 || int(r) >= depth {
			panic("kernel: int8 decoder: row outside the panel")
		}
	}
	dec := &DecoderI8{words: words, k: len(words) / d, d: d, depth: depth, full: len(rows) == depth}
	for _, r := range rows {
		dec.places = append(dec.places, int32(PanelI8(int(r), 0)))
	}
	if dec.k <= 256 {
		dec.planes = make([]uint8, d*256)
		for i, w := range words[:dec.k*d] {
			dec.planes[i%d*256+i/d] = uint8(w)
		}
		dec.compile(rows)
		dec.stream = dec.streamed()
	} else if steps := wordSteps(rows, d); steps != nil {
		dec.form, dec.steps, dec.quads = byWords, steps, len(rows)/d
	}
	return dec
}

func (d *DecoderI8) blocks() int { return len(d.places) / d.d }

// codes is the number of codes of a panel, those that fill it up included.
func (d *DecoderI8) codes() int {
	if d.k > 256 {
		return d.blocks() * cols8
	}
	return (d.blocks() + 3) / 4 * 4 * cols8
}

// Pack arranges the codes of n outputs for d or any decoder of the same rows
// and number of codewords, in panels of 32: that of block b, output i is
// codes[b*stride+i]. It panics if a code is not below K.
func (d *DecoderI8) Pack(codes []uint16, stride, n int) PanelCodes {
	if n < 1 {
		panic("kernel: int8 decoder: outputs out of range")
	}
	most := uint16(0)
	for b := range d.blocks() {
		for _, code := range codes[b*stride:][:n] {
			most = max(most, code)
		}
	}
	if d.blocks() > 0 && int(most) >= d.k {
		panic("kernel: int8 decoder: code out of range")
	}
	c := PanelCodes{size: d.codes(), panels: (n + cols8 - 1) / cols8}
	if d.k > 256 {
		c.wide = make([]uint16, c.panels*c.size)
	} else {
		c.vectors = make([]uint8, c.panels*c.size)
	}
	for p := range c.panels {
		d.pack(c.Slice(p, p+1), codes[p*cols8:], stride, min(cols8, n-p*cols8))
	}
	return c
}

// pack fills the one panel c.
func (d *DecoderI8) pack(c PanelCodes, codes []uint16, stride, n int) {
	for b := range d.blocks() {
		if c.wide != nil {
			copy(c.wide[b*cols8:], codes[b*stride:][:n])
			continue
		}
		row := c.vectors[vectorCode(b, 0):]
		for i, code := range codes[b*stride:][:n] {
			row[4*i] = uint8(code)
		}
	}
}

// vectorCode is the place of a code in PanelCodes.vectors.
func vectorCode(block, output int) int { return block/4*(4*cols8) + 4*output + block%4 }

// DecodeI8 writes the panels of c to dst, depth*32 bytes each. Columns behind
// those of c get the first codeword.
func (l Level) DecodeI8(dst []int8, d *DecoderI8, c PanelCodes) {
	size := d.depth * cols8
	need(dst, c.panels*size)
	d.check(c)
	for i := range c.panels {
		panel := dst[i*size:][:size]
		if !d.full {
			clear(panel)
		}
		if d.blocks() > 0 {
			decode8(l, panel, d, c.Slice(i, i+1))
		}
	}
}

// check panics if c cannot be codes of d.
func (d *DecoderI8) check(c PanelCodes) {
	if c.size != d.codes() || (d.k > 256) != (c.wide != nil) && c.panels*c.size > 0 {
		panic("kernel: int8 decoder: codes of another decoder")
	}
}

// decode8Generic decodes blocks from and following.
func decode8Generic(dst []int8, d *DecoderI8, c PanelCodes, from int) {
	for b := from; b < d.blocks(); b++ {
		places := d.places[b*d.d:][:d.d]
		for n := range cols8 {
			var code int
			if c.wide != nil {
				code = int(c.wide[b*cols8+n])
			} else {
				code = int(c.vectors[vectorCode(b, n)])
			}
			word := d.words[code*d.d:][:len(places)]
			for j, at := range places {
				dst[int(at)+4*n] = word[j]
			}
		}
	}
}

// form8 is how the inputs of four blocks, a quad, make words of four bytes in
// a panel.
type form8 uint8

const (
	scattered  form8 = iota // no such way
	byTaps                  // each component of the four blocks makes one word: 3x3 blocks of 9
	byPairs                 // components j and j+D/2 of two blocks make one word: 3x3 blocks of 18
	byChannels              // four components of a block make one word: 1x1 blocks of 4, 8, 16
	byWords                 // the same, of more than 256 codewords; all blocks have it
)

// compile finds the form of the quads and where their words go.
func (d *DecoderI8) compile(rows []int32) {
	for _, form := range []form8{byTaps, byChannels, byPairs} {
		steps, quads := d.steps8(rows, form)
		if quads > d.quads {
			d.form, d.steps, d.quads = form, steps, quads
		}
	}
}

// wordSteps are the places of words of four components, nil unless all make words.
func wordSteps(rows []int32, d int) (steps []uint32) {
	if d%4 != 0 {
		return nil
	}
	for i, r := range rows {
		first := rows[i&^3]
		if first%4 != 0 || r != first+int32(i%4) {
			return nil
		}
		if i%4 == 0 {
			steps = append(steps, uint32(r*cols8))
		}
	}
	return steps
}

// steps8 are the places of the words of all quads in that form, until one has
// it not.
func (d *DecoderI8) steps8(rows []int32, form form8) (steps []uint32, quads int) {
	for q := range d.blocks() / 4 {
		words := d.quadWords(rows[4*q*d.d:], form)
		for _, w := range words {
			for i, k := range w {
				if w[0]%4 != 0 || k != w[0]+int32(i) {
					return steps, quads
				}
			}
		}
		if len(words) == 0 {
			return steps, quads
		}
		for _, w := range words {
			steps = append(steps, uint32(w[0]*cols8))
		}
		quads++
	}
	return steps, quads
}

// quadWords are the inputs of the words of a quad with those rows, in the order in which the
// assembly stores them; none if D does not allow the form.
func (d *DecoderI8) quadWords(rows []int32, form form8) (words [][4]int32) {
	at := func(block, j int) int32 { return rows[block*d.d+j] }
	switch {
	case form == byTaps:
		for j := range d.d {
			words = append(words, [4]int32{at(0, j), at(1, j), at(2, j), at(3, j)})
		}
	case form == byPairs && d.d%2 == 0:
		h := d.d / 2
		for j := range h {
			words = append(words, [4]int32{at(0, j), at(0, j+h), at(1, j), at(1, j+h)}, [4]int32{at(2, j), at(2, j+h), at(3, j), at(3, j+h)})
		}
	case form == byChannels && d.d%4 == 0:
		for j := 0; j < d.d; j += 4 {
			for b := range 4 {
				words = append(words, [4]int32{at(b, j), at(b, j+1), at(b, j+2), at(b, j+3)})
			}
		}
	}
	return words
}
