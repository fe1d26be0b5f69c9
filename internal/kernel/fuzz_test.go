package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// fuzzLevel is one of the instruction sets of this machine.
func fuzzLevel(choice byte) Level {
	var all []Level
	for l := Generic; l <= AMX; l++ {
		if l.Supported() {
			all = append(all, l)
		}
	}
	return all[int(choice)%len(all)]
}

// FuzzTile compares products of float32 with the definition.
func FuzzTile(f *testing.F) {
	f.Add(uint64(1), byte(0), byte(5), byte(3), byte(7))
	f.Add(uint64(2), byte(2), byte(0), byte(31), byte(0))
	f.Fuzz(func(t *testing.T, seed uint64, level, m, n, depth byte) {
		l := fuzzLevel(level)
		mr, nr := l.TileSize()
		a := randomTile(t, rand.New(rand.NewPCG(seed, 0)), nr, int(m)%(2*mr+2), 1+int(n)%nr, int(depth)%70)
		want, bound := tileReference(a, nr)
		l.Tile(a)
		wantClose(t, l.String(), a.C, want, bound)
	})
}

// FuzzTileI8 compares products of bytes with the definition, bit by bit.
func FuzzTileI8(f *testing.F) {
	f.Add(uint64(1), byte(0), byte(5), byte(3))
	f.Add(uint64(2), byte(4), byte(0), byte(31))
	f.Fuzz(func(t *testing.T, seed uint64, level, m, n byte) {
		l := fuzzLevel(level)
		a := randomTile8(t, rand.New(rand.NewPCG(seed, 0)), int(m)%(2*l.RowsI8()+2), 1+int(n)%cols8, l.AlignI8())
		want, wantF := tile8Reference(a)
		l.TileI8(a)
		if !slices.Equal(a.Out, want) {
			t.Errorf("%v: bytes differ", l)
		}
		wantSame(t, l.String(), a.OutF, wantF)
	})
}

// FuzzLUT compares sums of rounded products, in the place of table lookups, with the definition.
func FuzzLUT(f *testing.F) {
	f.Add(uint64(1), byte(0), byte(5), byte(3), byte(7), byte(16))
	f.Add(uint64(2), byte(2), byte(63), byte(33), byte(16), byte(255))
	f.Fuzz(func(t *testing.T, seed uint64, level, places, taps, outputs, block byte) {
		l := fuzzLevel(level)
		c := drawLUT(rand.New(rand.NewPCG(seed, 0)), 1+int(places)%l.LUTPlaces(), 1+int(taps)%70, 1+int(outputs)%30, 1+int(block))
		got := c.run(t, l)
		for o := range c.outputs {
			for p := range c.places {
				if z := c.sum(o, p); got(o, p) != z {
					t.Fatalf("%v: output %d place %d is %d, want %d", l, o, p, got(o, p), z)
				}
			}
		}
	})
}
