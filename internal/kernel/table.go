package kernel

import "slices"

const (
	// Strip is the number of neighbouring positions whose products are looked
	// up together: a row of a table has that many numbers.
	Strip = 32
	// MaxTableD is the largest block of a table product.
	MaxTableD = 18
	// MaxTableGroup is the most blocks whose tables exist at a time.
	MaxTableGroup = 8
	// MaxTableRows is the most rows of the tables of a group.
	MaxTableRows = (1<<16-1)/tableStep + 1
	// MaxTableReach is the greatest distance of two codes of one block.
	MaxTableReach = (1<<16 - 1) / (MaxTableD/2 + 1)
	// tableStep is the distance of the codes of neighbouring rows, which are
	// 64 bytes apart: what one addressing mode scales by 8.
	tableStep = 8
)

// TableBook is a codebook of small integers. Its product of codeword k with a
// patch x of bytes is
//
//	(mul[k] * sum over j of words[k][j]*x[j] + 1<<14) >> 15
type TableBook struct {
	pairs int
	// words has pairs+1 numbers per codeword: every two weights, twice, as the
	// multiplication of bytes takes them, and the multiplier, twice.
	words []uint32
}

// NewTableBook packs codewords of d <= MaxTableD numbers. The positive numbers
// of a codeword add up to at most 128, and so do the negative ones, so that
// the inner sum of its products fits 16 bits; multipliers are not negative.
func NewTableBook(words []int8, d int, mul []int16) *TableBook {
	if d < 1 || d > MaxTableD || len(words) != d*len(mul) {
		panic("kernel: tables: size out of range")
	}
	b := &TableBook{pairs: (d + 1) / 2}
	for k, m := range mul {
		w := append(slices.Clone(words[k*d:][:d]), 0)
		for i := range b.pairs {
			b.words = append(b.words, twice(uint16(uint8(w[2*i]))|uint16(uint8(w[2*i+1]))<<8))
		}
		b.words = append(b.words, twice(uint16(m)))
	}
	b.words = append(b.words, make([]uint32, 4)...)[:len(b.words)] // room for loads of 16 bytes
	return b
}

func twice(x uint16) uint32 { return uint32(x) | uint32(x)<<16 }

// Bytes is the storage of the codewords.
func (b *TableBook) Bytes() int { return 4 * len(b.words) }

// Tables are the weights of a product by tables of partial dot products: for
// every block of inputs the products of the codewords that occur in it are
// computed once per patch, and every output adds those its codes name.
type Tables struct {
	book          *TableBook
	outputs, span int
	groups        []tableGroup
	blocks        int // of all groups
	rows          int // of the largest group
	used          int // of all groups
}

// tableGroup is a few blocks whose tables exist at the same time.
type tableGroup struct {
	blocks []tableBlock
	codes  []uint16 // [outputs][blocks]: tableStep times the row
}

// tableBlock is one table: a row for each of the used codewords, which start
// there in words.
type tableBlock struct {
	words []uint32
	used  []uint16
}

// NewTables packs weights whose code for block b and output i is
// codes[b*stride+i]; the codes of one block lie within MaxTableReach of each other.
// Group blocks are added at a time. The caller makes sure that their tables
// have at most MaxTableRows rows, and that the sums over span groups (from the
// first on) fit 16 bits for all patches.
func NewTables(book *TableBook, codes []int32, stride, outputs, group, span int) *Tables {
	if outputs < 1 || group < 1 || group > MaxTableGroup || span < 1 {
		panic("kernel: tables: size out of range")
	}
	t := &Tables{book: book, outputs: outputs, span: span}
	t.blocks = (len(codes) + stride - outputs) / stride
	rank := make([]int32, len(book.words)/(book.pairs+1))
	for b := 0; b < t.blocks; b += group {
		t.addGroup(codes[b*stride:], stride, min(group, t.blocks-b), rank)
	}
	return t
}

// addGroup packs the first blocks of codes. rank is room: zeros, for every codeword.
func (t *Tables) addGroup(codes []int32, stride, blocks int, rank []int32) {
	g := tableGroup{codes: make([]uint16, t.outputs*blocks)}
	row := 0
	for b := range blocks {
		of := codes[b*stride:][:t.outputs]
		first, last, size := int(slices.Min(of)), int(slices.Max(of)), t.book.pairs+1
		if (last-first)*size >= 1<<16 {
			panic("kernel: tables: codes of a block are too far apart")
		}
		for _, k := range of {
			rank[k] = 1
		}
		block := tableBlock{words: t.book.words[first*size:]}
		for k := first; k <= last; k++ {
			if rank[k] > 0 {
				rank[k] = int32(row + len(block.used))
				block.used = append(block.used, uint16((k-first)*size))
			}
		}
		for i, k := range of {
			g.codes[i*blocks+b] = uint16(rank[k] * tableStep)
		}
		for _, k := range of {
			rank[k] = 0
		}
		row += len(block.used)
		g.blocks = append(g.blocks, block)
	}
	if row > MaxTableRows {
		panic("kernel: tables: too many rows")
	}
	t.rows, t.used = max(t.rows, row), t.used+row
	t.groups = append(t.groups, g)
}

// Outputs is the number of outputs.
func (t *Tables) Outputs() int { return t.outputs }

// Used is the number of codewords that are multiplied for a strip: the sum
// over blocks of those that occur in it.
func (t *Tables) Used() int { return t.used }

// Bytes is the storage of codes and used codewords, without the codebook.
func (t *Tables) Bytes() int {
	n := 2 * t.used
	for _, g := range t.groups {
		n += 2 * len(g.codes)
	}
	return n
}

// wide reports whether sums take 32 bits.
func (t *Tables) wide() bool { return len(t.groups) > t.span }

// TableRoom is the memory of one table product at a time: tables and sums.
type TableRoom struct {
	table []int16 // [rows][Strip]
	sums  []int16 // [outputs][Strip], of a span
	all   []int32 // [outputs][Strip], of all spans
	patch [2 * MaxTableD * Strip]uint8
}

// fit makes room for t.
func (r *TableRoom) fit(t *Tables) {
	if n := t.rows * Strip; len(r.table) < n {
		r.table = make([]int16, n)
	}
	if n := t.outputs * Strip; len(r.sums) < n {
		r.sums = make([]int16, n)
	}
	if n := t.outputs * Strip; t.wide() && len(r.all) < n {
		r.all = make([]int32, n)
	}
}

// TableInputs says where the inputs of a patch are; see TableArgs.
type TableInputs struct {
	offs  []int32
	reach int // of the last offset's strip
}

// NewTableInputs checks offsets, which it keeps: those of the inputs of block
// after block, and one more, any valid one, after each block of odd size.
func NewTableInputs(offs []int32) *TableInputs {
	in := &TableInputs{offs: offs}
	for _, off := range offs {
		if off < 0 {
			panic("kernel: table: negative offset")
		}
		in.reach = max(in.reach, int(off)+Strip)
	}
	return in
}

// TableArgs describes the products of Tables with Strip neighbouring patches:
// input e of patch p is In[offset e + p].
//
// The sum of an output is that over spans of the 16-bit sums over blocks of
// the products of its codewords. FinishTable makes results of sums.
type TableArgs struct {
	Tables *Tables
	In     []uint8
	Inputs *TableInputs
	Room   *TableRoom // written; allocates when it first meets larger tables
}

// Table computes the sums of a.
func (l Level) Table(a *TableArgs) {
	t := a.Tables
	need(a.Inputs.offs, t.blocks*2*t.book.pairs)
	need(a.In, a.Inputs.reach)
	a.Room.fit(t)
	offs := a.Inputs.offs
	for i := range t.groups {
		g := &t.groups[i]
		buildTables(l, a, g, offs)
		offs = offs[len(g.blocks)*2*t.book.pairs:]
		addRows(l, a, g, i%t.span == 0)
		if t.wide() && (i%t.span == t.span-1 || i == len(t.groups)-1) {
			widenSums(l, a, i < t.span)
		}
	}
}

// buildTablesGeneric computes the tables of g.
func buildTablesGeneric(a *TableArgs, g *tableGroup, offs []int32) {
	pairs, row := a.Tables.book.pairs, 0
	for _, b := range g.blocks {
		for _, k := range b.used {
			word := b.words[k:][:pairs+1]
			var sums [Strip]int32
			for i, w := range word[:pairs] {
				addProducts(&sums, int32(int8(w)), a.In[offs[2*i]:])
				addProducts(&sums, int32(int8(w>>8)), a.In[offs[2*i+1]:])
			}
			m, out := int32(int16(word[pairs])), (*[Strip]int16)(a.Room.table[row:])
			for p, sum := range sums {
				out[p] = int16((m*sum + 1<<14) >> 15)
			}
			row += Strip
		}
		offs = offs[2*pairs:]
	}
}

// addProducts adds the products of w with the inputs of a strip.
func addProducts(sums *[Strip]int32, w int32, in []uint8) {
	if w == 0 {
		return
	}
	x := (*[Strip]uint8)(in)
	for p := range sums {
		sums[p] += w * int32(x[p])
	}
}

// addRowsGeneric adds the rows of g to the sums; first starts them.
func addRowsGeneric(a *TableArgs, g *tableGroup, first bool) {
	n := len(g.blocks)
	for i := range a.Tables.outputs {
		sums := (*[Strip]int16)(a.Room.sums[i*Strip:])
		if first {
			*sums = [Strip]int16{}
		}
		for _, code := range g.codes[i*n:][:n] {
			row := (*[Strip]int16)(a.Room.table[int(code)/tableStep*Strip:])
			for p := range sums {
				sums[p] += row[p]
			}
		}
	}
}

// widenSumsGeneric adds the sums of a span to those of all; first starts them.
func widenSumsGeneric(a *TableArgs, first bool) {
	n := a.Tables.outputs * Strip
	all := a.Room.all[:n]
	for i, v := range a.Room.sums[:n] {
		if first {
			all[i] = int32(v)
		} else {
			all[i] += int32(v)
		}
	}
}

// TableFinish describes how the sums of N outputs from First on become bytes:
// the epilogue of TileI8Args, with rows of Strip positions, one per output.
type TableFinish struct {
	Tables      *Tables
	Room        *TableRoom // with the sums
	First, N    int
	Scale, Bias []float32 // [N]
	Residual    []uint8   // [N][Strip]; nil: none
	ResidualQ   Affine
	ResidualF   []float32 // the same; at most one of them
	Min, Max    float32
	Out         []uint8 // [N][Strip]
	OutScale    float32 // 1/scale of Out
	OutZero     uint8
	OutF        []float32 // [N][Strip]; instead of Out
}

// FinishTable computes f.
func (l Level) FinishTable(f *TableFinish) {
	if f.First < 0 || f.N < 1 || f.First+f.N > f.Tables.outputs {
		panic("kernel: table: outputs out of range")
	}
	need(f.Scale, f.N)
	need(f.Bias, f.N)
	if (f.Out == nil) == (f.OutF == nil) || f.Residual != nil && f.ResidualF != nil {
		panic("kernel: table: one result and at most one residual")
	}
	if f.Out != nil {
		need(f.Out, f.N*Strip)
	} else {
		need(f.OutF, f.N*Strip)
	}
	if f.Residual != nil {
		need(f.Residual, f.N*Strip)
	}
	if f.ResidualF != nil {
		need(f.ResidualF, f.N*Strip)
	}
	finishTable(l, f)
}

func finishTableGeneric(f *TableFinish) {
	for i := range f.N {
		for p := range Strip {
			at := (f.First+i)*Strip + p
			sum := int32(f.Room.sums[at])
			if f.Tables.wide() {
				sum = f.Room.all[at]
			}
			y := float32(float32(sum)*f.Scale[i]) + f.Bias[i]
			if f.Residual != nil {
				y += float32(f.ResidualQ.real(f.Residual[i*Strip+p]))
			}
			if f.ResidualF != nil {
				y += f.ResidualF[i*Strip+p]
			}
			y = clamp(y, f.Min, f.Max)
			if f.OutF != nil {
				f.OutF[i*Strip+p] = y
			} else {
				f.Out[i*Strip+p] = toByte(y, f.OutScale, f.OutZero)
			}
		}
	}
}
