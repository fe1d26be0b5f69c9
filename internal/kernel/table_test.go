package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// tableCase is a random product of tables; inputs and results end at guard pages.
type tableCase struct {
	book            rawBook
	codes           []int32 // [blocks][stride]
	stride, outputs int
	group, span     int
	offs            []int32
	args            TableArgs
	finish          TableFinish
}

// rawBook is what a TableBook is made of.
type rawBook struct {
	d     int
	words []int8
	mul   []int16
}

func (b rawBook) pack() *TableBook { return NewTableBook(b.words, b.d, b.mul) }

// randomBook is k codewords whose positive and negative numbers each add up to
// at most 128; many reach it.
func randomBook(rng *rand.Rand, k, d int) rawBook {
	b := rawBook{d, make([]int8, k*d), make([]int16, k)}
	for i := range k {
		left := [2]int{rng.IntN(129), 128}
		word := b.words[i*d:][:d]
		for _, j := range rng.Perm(d) {
			sign := rng.IntN(2)
			v := rng.IntN(min(left[sign], 127) + 1)
			left[sign] -= v
			word[j] = int8(v * (1 - 2*sign))
		}
		b.mul[i] = int16([]int{rng.IntN(1 << 15), math.MaxInt16, 0, 300}[rng.IntN(4)])
	}
	return b
}

func randomCodes(rng *rand.Rand, k, n int) (codes []int32) {
	for range n {
		codes = append(codes, int32(rng.IntN(k)))
	}
	return codes
}

func randomTable(t testing.TB, rng *rand.Rand, d, blocks, outputs, span int) *tableCase {
	c := &tableCase{book: randomBook(rng, 1+rng.IntN(100), d), outputs: outputs, stride: outputs + rng.IntN(3), group: 1 + rng.IntN(MaxTableGroup), span: span}
	c.codes = randomCodes(rng, len(c.book.mul), (blocks-1)*c.stride+outputs)
	c.args = TableArgs{Tables: NewTables(c.book.pack(), c.codes, c.stride, outputs, c.group, span), Room: new(TableRoom), In: randomBytes[uint8](t, rng, Strip+100)}
	for range blocks {
		for j := range (d + 1) / 2 * 2 {
			if j < d {
				c.offs = append(c.offs, int32(rng.IntN(101)))
			} else {
				c.offs = append(c.offs, 100)
			}
		}
	}
	c.args.Inputs = NewTableInputs(c.offs)
	f := TableFinish{
		Tables: c.args.Tables, Room: c.args.Room, First: rng.IntN(outputs), Min: negInf, Max: posInf,
		OutScale: 1, OutZero: uint8(rng.IntN(256)), ResidualQ: Affine{0.3, uint8(rng.IntN(256))},
	}
	f.N = 1 + rng.IntN(outputs-f.First)
	f.Scale, f.Bias = random(t, rng, f.N), random(t, rng, f.N)
	for i := range f.Scale {
		f.Scale[i] *= 0.01
	}
	if rng.IntN(8) == 0 {
		sprinkle(rng, f.Scale)
	}
	if rng.IntN(4) > 0 {
		f.Out = randomBytes[uint8](t, rng, f.N*Strip)
	} else {
		f.OutF = random(t, rng, f.N*Strip)
	}
	switch rng.IntN(5) {
	case 0, 1:
		f.Residual = randomBytes[uint8](t, rng, f.N*Strip)
	case 2:
		f.ResidualF = random(t, rng, f.N*Strip)
	}
	switch rng.IntN(4) {
	case 0:
		f.Min, f.Max = 0, 6
	case 1, 2: // what bytes are clamped to
		f.Min, f.OutZero = 0, 0
	}
	c.finish = f
	return c
}

// sums is the text of TableArgs, number by number: [outputs][Strip].
func (c *tableCase) sums() (all []int32) {
	d, padded := c.book.d, (c.book.d+1)/2*2
	per := c.group * c.span
	for i := range c.outputs {
		for p := range Strip {
			total, span := int32(0), int16(0)
			for b := 0; b*c.stride+i < len(c.codes); b++ {
				k, dot := int(c.codes[b*c.stride+i]), int32(0)
				for j := range d {
					dot += int32(c.book.words[k*d+j]) * int32(c.args.In[int(c.offs[b*padded+j])+p])
				}
				if b%per == 0 {
					total, span = total+int32(span), 0
				}
				span += int16((int32(c.book.mul[k])*dot + 1<<14) >> 15)
			}
			all = append(all, total+int32(span))
		}
	}
	return all
}

func (c *tableCase) finished(sums []int32) (out []uint8, outF []float32) {
	f := &c.finish
	for i := range f.N {
		for p := range Strip {
			y := float32(float64(float32(sums[(f.First+i)*Strip+p])) * float64(f.Scale[i]))
			y = float32(float64(y) + float64(f.Bias[i]))
			if f.Residual != nil {
				r := float32(float64(int(f.Residual[i*Strip+p])-int(f.ResidualQ.Zero)) * float64(f.ResidualQ.Scale))
				y = float32(float64(y) + float64(r))
			}
			if f.ResidualF != nil {
				y = float32(float64(y) + float64(f.ResidualF[i*Strip+p]))
			}
			y = clamp(y, f.Min, f.Max)
			if f.OutF != nil {
				outF = append(outF, y)
				continue
			}
			q := math.RoundToEven(float64(float32(float64(y)*float64(f.OutScale)))) + float64(f.OutZero)
			if !(q > 0) { // NaN, too
				q = 0
			}
			out = append(out, uint8(min(q, 255)))
		}
	}
	return out, outF
}

// TestTable compares all block sizes and numbers of blocks, in sums of 16 and
// 32 bits, with the definition.
func TestTable(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(31, uint64(l)))
		for d := 1; d <= MaxTableD; d++ {
			for blocks := 1; blocks <= 19; blocks++ {
				c := randomTable(t, rng, d, blocks, 1+rng.IntN(70), 1+rng.IntN(3))
				l.Table(&c.args)
				want := c.sums()
				for i, v := range want {
					got := int32(c.args.Room.sums[i])
					if c.args.Tables.wide() {
						got = c.args.Room.all[i]
					}
					if got != v {
						t.Fatalf("d=%d blocks=%d span=%d: sum %d is %d, want %d", d, blocks, c.span, i, got, v)
					}
				}
				l.FinishTable(&c.finish)
				out, outF := c.finished(want)
				if !slices.Equal(c.finish.Out, out) {
					t.Fatalf("d=%d blocks=%d: %v, want %v", d, blocks, c.finish.Out, out)
				}
				wantSame(t, "floats", c.finish.OutF, outF)
			}
		}
	})
}

// TestTableBounds: the extremes of a codeword and a patch are exact.
func TestTableBounds(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		for d := 2; d <= MaxTableD; d++ {
			book := rawBook{d, make([]int8, 2*d), []int16{math.MaxInt16, math.MaxInt16}}
			book.words[0], book.words[1] = 64, 64
			book.words[d], book.words[2*d-1] = -128, 0
			a := &TableArgs{Tables: NewTables(book.pack(), []int32{0, 1}, 2, 2, 8, 1), Room: new(TableRoom), In: slices.Repeat([]uint8{255}, Strip), Inputs: NewTableInputs(make([]int32, (d+1)/2*2))}
			l.Table(a)
			for p := range Strip {
				if got, want := [2]int16{a.Room.sums[p], a.Room.sums[Strip+p]}, [2]int16{32639, -32639}; got != want {
					t.Fatalf("d=%d: %v, want %v", d, got, want)
				}
			}
		}
	})
}

// TestTableFar: codewords of a block are counted from its first one.
func TestTableFar(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		const k, near = 70000, 70000 - 1 - MaxTableReach
		book := rawBook{1, make([]int8, k), slices.Repeat([]int16{1 << 14}, k)}
		book.words[near], book.words[k-1] = 2, -2
		a := &TableArgs{Tables: NewTables(book.pack(), []int32{k - 1, near}, 2, 2, 8, 1), Room: new(TableRoom), In: slices.Repeat([]uint8{9}, Strip), Inputs: NewTableInputs([]int32{0, 0})}
		l.Table(a)
		if got, want := [2]int16{a.Room.sums[0], a.Room.sums[Strip]}, [2]int16{-9, 9}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
		if !panics(func() { NewTables(book.pack(), []int32{0, k - 1}, 2, 2, 8, 1) }) {
			t.Error("codes that are too far apart were packed")
		}
	})
}

func TestTableChecks(t *testing.T) {
	rng := rand.New(rand.NewPCG(32, 32))
	eachLevel(t, func(t *testing.T, l Level) {
		for name, breakIt := range map[string]func(*TableArgs, *TableFinish){
			"few inputs":      func(a *TableArgs, _ *TableFinish) { a.Inputs = NewTableInputs(make([]int32, 29)) },
			"input too far":   func(a *TableArgs, _ *TableFinish) { a.Inputs = NewTableInputs(slices.Repeat([]int32{101}, 30)) },
			"negative offset": func(a *TableArgs, _ *TableFinish) { a.Inputs = NewTableInputs([]int32{-1}) },
			"no outputs":      func(_ *TableArgs, f *TableFinish) { f.N = 0 },
			"outputs":         func(_ *TableArgs, f *TableFinish) { f.First = 41 - f.N },
			"short scale":     func(_ *TableArgs, f *TableFinish) { f.Scale = f.Scale[1:] },
			"short bias":      func(_ *TableArgs, f *TableFinish) { f.Bias = f.Bias[1:] },
			"short out":       func(_ *TableArgs, f *TableFinish) { f.Out = f.Out[1:] },
			"two results":     func(_ *TableArgs, f *TableFinish) { f.OutF = make([]float32, f.N*Strip) },
			"short residual":  func(_ *TableArgs, f *TableFinish) { f.Residual = make([]uint8, f.N*Strip-1) },
		} {
			c := randomTable(t, rng, 9, 3, 40, 1)
			c.finish.Out, c.finish.OutF, c.finish.Residual, c.finish.ResidualF = make([]uint8, c.finish.N*Strip), nil, nil, nil
			if !panics(func() { breakIt(&c.args, &c.finish); l.Table(&c.args); l.FinishTable(&c.finish) }) {
				t.Errorf("%s: no panic", name)
			}
		}
	})
}

func TestTransposeU8(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(33, uint64(l)))
		for rows := range 20 {
			for _, cols := range []int{0, 1, 4, 31, 32, 33, 64, 70} {
				lds, ldd := cols+rng.IntN(3), rows+rng.IntN(3)
				src, dst := randomBytes[uint8](t, rng, max(0, (rows-1)*lds+cols)), randomBytes[uint8](t, rng, max(0, (cols-1)*ldd+rows))
				want := slices.Clone(dst)
				for i := range rows {
					for j := range cols {
						want[j*ldd+i] = src[i*lds+j]
					}
				}
				if rows*cols == 0 {
					want = dst
				}
				if l.TransposeU8(dst, ldd, src, lds, rows, cols); !slices.Equal(dst, want) {
					t.Fatalf("%dx%d: wrong", rows, cols)
				}
			}
		}
		if !panics(func() { l.TransposeU8(make([]uint8, 63), 8, make([]uint8, 64), 8, 8, 8) }) ||
			!panics(func() { l.TransposeU8(make([]uint8, 64), 8, make([]uint8, 63), 8, 8, 8) }) ||
			!panics(func() { l.TransposeU8(make([]uint8, 64), 7, make([]uint8, 64), 8, 8, 8) }) {
			t.Error("slices that are too short were accepted")
		}
	})
}

// TestNoAllocationsTable: once there is room.
func TestNoAllocationsTable(t *testing.T) {
	eachLevel(t, func(t *testing.T, l Level) {
		rng := rand.New(rand.NewPCG(34, 34))
		c := randomTable(t, rng, 9, 20, 40, 1)
		src, dst := make([]uint8, 40*40), make([]uint8, 40*40)
		if n := testing.AllocsPerRun(10, func() {
			l.Table(&c.args)
			l.FinishTable(&c.finish)
			l.TransposeU8(dst, 40, src, 40, 40, 40)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// BenchmarkTable: a strip of a layer of 64 blocks, of whose 256 codewords as
// many are used as random codes use.
func BenchmarkTable(b *testing.B) {
	for l := Generic; l <= AVX2; l++ {
		if !l.Supported() {
			continue
		}
		for _, d := range []int{4, 8, 9, 18} {
			for _, outputs := range []int{64, 256, 1024} {
				b.Run(fmt.Sprintf("%v/d%d_o%d", l, d, outputs), func(b *testing.B) {
					rng := rand.New(rand.NewPCG(35, 35))
					c := randomTable(b, rng, d, 64, outputs, 64)
					c.args.Tables = NewTables(randomBook(rng, 256, d).pack(), randomCodes(rng, 256, 64*outputs), outputs, outputs, MaxTableGroup, 64)
					benchmark(b, 64*d*outputs*Strip, "MAC", func() { l.Table(&c.args) })
				})
			}
		}
	}
}
