package kernel

// Codebook is a set of codewords arranged for fast lookup. It is read-only
// after NewCodebook, and may be shared.
type Codebook struct {
	K, D   int
	planes []float32 // [D][K]: component j of every codeword
	bytes  []byte    // [D][2][256]: low and high bytes of float16 components; nil if they are not exact or K > 256
}

// NewCodebook arranges words, K codewords of d numbers each. Words that are
// exact in float16, with K <= 256, have the fastest lookup.
func NewCodebook(words []float32, d int) *Codebook {
	c := &Codebook{K: len(words) / d, D: d}
	c.planes = make([]float32, c.K*d)
	for k := range c.K {
		for j := range d {
			c.planes[j*c.K+k] = words[k*d+j]
		}
	}
	c.bytes = bytePlanes(words, c.K, d)
	return c
}

// bytePlanes splits words into the low and high bytes of their float16
// representation; nil if that is not exact or K > 256.
func bytePlanes(words []float32, k, d int) []byte {
	if k > 256 {
		return nil
	}
	p := make([]byte, d*512)
	for i, w := range words[:k*d] {
		h, ok := float16Exact(w)
		if !ok {
			return nil
		}
		at := i%d*512 + i/d
		p[at], p[at+256] = byte(h), byte(h>>8)
	}
	return p
}

// DecodeArgs describes the decoding of a slice of a weight panel from codes:
//
//	for b := range len(Rows)/D {
//		for j := range D {
//			if r := Rows[b*D+j]; r >= 0 {
//				Dst[r*nr+n] = word[Codes[b*Stride+n]][j] for n < N; 0 for N <= n < nr
//			}
//		}
//	}
//
// Exactly one of Codes and Wide is used: Wide if Codes is nil.
type DecodeArgs struct {
	Book   *Codebook
	Codes  []uint8  // code of block b, output n at b*Stride+n; all < K
	Wide   []uint16 // the same for K > 256
	Stride int
	N      int       // outputs, 1 <= N <= nr
	Rows   []int32   // [blocks][D]: row of Dst that component j of block b becomes; < 0: not in this slice
	Dst    []float32 // [rows][nr], nr from TileSize
}

// Decode writes the rows of d.Dst that d.Rows names. It does not check that
// the codes are below K: the caller must have.
func (l Level) Decode(d *DecodeArgs) {
	_, nr := l.TileSize()
	d.check(nr)
	if len(d.Rows) > 0 {
		decode(l, d)
	}
}

func (d *DecodeArgs) blocks() int { return len(d.Rows) / d.Book.D }

func (d *DecodeArgs) check(nr int) {
	if d.N < 1 || d.N > nr || d.Stride < 0 || len(d.Rows)%d.Book.D != 0 {
		panic("kernel: decode: size out of range")
	}
	if len(d.Rows) == 0 {
		return
	}
	last := (d.blocks()-1)*d.Stride + d.N
	if d.Codes != nil {
		need(d.Codes, last)
	} else {
		need(d.Wide, last)
	}
	rows := int32(0)
	for _, r := range d.Rows {
		rows = max(rows, r+1)
	}
	need(d.Dst, int(rows)*nr)
}

func decodeGeneric(d *DecodeArgs, nr int) {
	for b := range d.blocks() {
		for j, r := range d.Rows[b*d.Book.D:][:d.Book.D] {
			if r < 0 {
				continue
			}
			dst := d.Dst[int(r)*nr:][:nr]
			plane := d.Book.planes[j*d.Book.K:][:d.Book.K]
			if d.Codes != nil {
				lookup(dst, plane, d.Codes[b*d.Stride:][:d.N])
			} else {
				lookup(dst, plane, d.Wide[b*d.Stride:][:d.N])
			}
			clear(dst[d.N:])
		}
	}
}

func lookup[C uint8 | uint16](dst, plane []float32, codes []C) {
	dst = dst[:len(codes)]
	for n, c := range codes {
		dst[n] = plane[c]
	}
}
