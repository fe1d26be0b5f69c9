package kernel

import "slices"

const (
	// Strip is the number of neighbouring positions whose products are looked
	// up together: a row of a table has that many numbers.
	Strip = 32
	// MaxTableD is the largest block of a table product.
	MaxTableD = 18
	// MaxTableOutputs is the most outputs of Tables.
	MaxTableOutputs = (1<<16 - 1) / tableStep
	// tableStep is the distance of the codes of neighbouring rows, which are
	// 64 bytes apart: what one addressing mode scales by 8.
	tableStep = 8
)

// TableBook is a codebook of small integers. Its product of codeword k with a
// patch x of bytes is
//
//	(Mul[k] * sum over j of Words[k*D+j]*x[j] + 1<<14) >> 15
//
// The positive numbers of a codeword add up to at most 128, and so do the
// negative ones, so that the inner sum fits 16 bits. Mul is not negative.
type TableBook struct {
	D     int // 1...MaxTableD
	Words []int8
	Mul   []int16
}

// Tables are the weights of a product by tables of partial dot products: for
// every block of inputs the products of the codewords that occur in it are
// computed once per patch, and every output adds those its codes name.
type Tables struct {
	pairs, outputs, span int
	// words has pairs+1 numbers per codeword: every two weights, twice, as the
	// multiplication of bytes takes them, and the multiplier, twice.
	words  []uint32
	groups []tableGroup
	rows   int // of the largest group
	used   int // of all groups
}

// tableGroup is a few blocks whose tables exist at the same time.
type tableGroup struct {
	blocks []tableBlock
	codes  []uint16 // [outputs][blocks]: tableStep times the row
}

// tableBlock is one table: a row for each of the used codewords, which are
// counted from the first of words.
type tableBlock struct {
	words []uint32
	used  []uint16
}

// TableGroup is the number of blocks that are added at a time for a number of
// outputs; sums over whole groups may be limited to 16 bits, see NewTables.
func TableGroup(outputs int) int { return max(1, min(8, MaxTableOutputs/outputs)) }

// NewTables packs weights whose code for block b and output i is
// codes[b*stride+i]; the codes of one block lie within 1<<16 of each other.
// The caller makes sure that the sums over any span groups of blocks (from
// the first on) fit 16 bits for all patches.
func NewTables(book *TableBook, codes []int32, stride, outputs, span int) *Tables {
	if outputs < 1 || outputs > MaxTableOutputs || book.D < 1 || book.D > MaxTableD || span < 1 {
		panic("kernel: tables: size out of range")
	}
	t := &Tables{pairs: (book.D + 1) / 2, outputs: outputs, span: span}
	for k, m := range book.Mul {
		w := append(slices.Clone(book.Words[k*book.D:][:book.D]), 0)
		for i := range t.pairs {
			t.words = append(t.words, twice(uint16(uint8(w[2*i]))|uint16(uint8(w[2*i+1]))<<8))
		}
		t.words = append(t.words, twice(uint16(m)))
	}
	blocks, per := (len(codes)+stride-outputs)/stride, TableGroup(outputs)
	for b := 0; b < blocks; b += per {
		t.addGroup(codes[b*stride:], stride, min(per, blocks-b))
	}
	return t
}

func twice(x uint16) uint32 { return uint32(x) | uint32(x)<<16 }

// addGroup packs the first blocks of codes.
func (t *Tables) addGroup(codes []int32, stride, blocks int) {
	g := tableGroup{codes: make([]uint16, t.outputs*blocks)}
	row := 0
	for b := range blocks {
		of := codes[b*stride:][:t.outputs]
		sorted := slices.Clone(of)
		slices.Sort(sorted)
		sorted = slices.Compact(sorted)
		first := int(sorted[0])
		block := tableBlock{words: t.words[first*(t.pairs+1):]}
		for _, k := range sorted {
			if int(k)-first >= 1<<16 {
				panic("kernel: tables: codes of a block are too far apart")
			}
			block.used = append(block.used, uint16(int(k)-first))
		}
		for i, k := range of {
			at, _ := slices.BinarySearch(sorted, k)
			g.codes[i*blocks+b] = uint16((row + at) * tableStep)
		}
		row += len(sorted)
		g.blocks = append(g.blocks, block)
	}
	t.rows, t.used = max(t.rows, row), t.used+row
	t.groups = append(t.groups, g)
}

// Outputs is the number of outputs.
func (t *Tables) Outputs() int { return t.outputs }

// Used is the number of codewords that are multiplied for a strip: the sum
// over blocks of those that occur in it.
func (t *Tables) Used() int { return t.used }

// Bytes is the storage of codes and used codewords, and of the codewords.
func (t *Tables) Bytes() (codes, words int) {
	codes = 2 * t.used
	for _, g := range t.groups {
		codes += 2 * len(g.codes)
	}
	return codes, 4 * len(t.words)
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

// TableArgs describes the products of Tables with Strip neighbouring patches:
// input e of patch p is In[Offs[e]+p]. The inputs of a block of odd size are
// followed by one more offset, any valid one.
//
// The sum of an output is that over spans of the 16-bit sums over blocks of
// the products of its codewords. FinishTable makes results of sums.
type TableArgs struct {
	Tables *Tables
	In     []uint8
	Offs   []int32
	Room   *TableRoom // written; allocates when it first meets larger tables
}

// Table computes the sums of a.
func (l Level) Table(a *TableArgs) {
	t, blocks := a.Tables, 0
	for i := range t.groups {
		blocks += len(t.groups[i].blocks)
	}
	need(a.Offs, blocks*2*t.pairs)
	for _, off := range a.Offs {
		if off < 0 || int(off)+Strip > len(a.In) {
			panic("kernel: table: offset out of range")
		}
	}
	a.Room.fit(t)
	offs := a.Offs
	for i := range t.groups {
		g := &t.groups[i]
		buildTables(l, a, g, offs)
		offs = offs[len(g.blocks)*2*t.pairs:]
		addRows(l, a, g, i%t.span == 0)
		if t.wide() && (i%t.span == t.span-1 || i == len(t.groups)-1) {
			widenSums(l, a, i < t.span)
		}
	}
}

// buildTablesGeneric computes the tables of g.
func buildTablesGeneric(a *TableArgs, g *tableGroup, offs []int32) {
	pairs, row := a.Tables.pairs, 0
	for _, b := range g.blocks {
		for _, k := range b.used {
			word := b.words[int(k)*(pairs+1):][:pairs+1]
			var sums [Strip]int32
			for i, w := range word[:pairs] {
				for j, w := range [2]int32{int32(int8(w)), int32(int8(w >> 8))} {
					if w == 0 {
						continue
					}
					for p, x := range a.In[offs[2*i+j]:][:Strip] {
						sums[p] += w * int32(x)
					}
				}
			}
			m := int32(int16(word[pairs]))
			for p, sum := range sums {
				a.Room.table[row+p] = int16((m*sum + 1<<14) >> 15)
			}
			row += Strip
		}
		offs = offs[2*pairs:]
	}
}

// addRowsGeneric adds the rows of g to the sums; first starts them.
func addRowsGeneric(a *TableArgs, g *tableGroup, first bool) {
	n := len(g.blocks)
	for i := range a.Tables.outputs {
		sums := a.Room.sums[i*Strip:][:Strip]
		if first {
			clear(sums)
		}
		for _, code := range g.codes[i*n:][:n] {
			row := a.Room.table[int(code)/tableStep*Strip:][:Strip]
			for p, v := range row {
				sums[p] += v
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
	Min, Max    float32
	Out         []uint8 // [N][Strip]
	OutScale    float32 // 1/scale of Out
	OutZero     uint8
}

// FinishTable computes f.
func (l Level) FinishTable(f *TableFinish) {
	if f.First < 0 || f.N < 1 || f.First+f.N > f.Tables.outputs {
		panic("kernel: table: outputs out of range")
	}
	need(f.Scale, f.N)
	need(f.Bias, f.N)
	need(f.Out, f.N*Strip)
	if f.Residual != nil {
		need(f.Residual, f.N*Strip)
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
			f.Out[i*Strip+p] = toByte(clamp(y, f.Min, f.Max), f.OutScale, f.OutZero)
		}
	}
}
