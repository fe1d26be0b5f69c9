package emitc

import (
	"fmt"
	"slices"

	"lutra/internal/lut"
	"lutra/internal/safe"
)

// Bytes is the level of every byte in a channel of the input: of pixels, or of
// features. A signed feature q is byte q+128.
type Bytes [256]uint8

// bytesInput writes the tables of the input's bytes, if there are any.
func (g *generator) bytesInput() {
	if g.o.Bytes == nil {
		return
	}
	g.use("input")
	tables, step := g.byteTables(), 256
	if len(tables) == 1 {
		step = 0
	}
	name := g.bytesOf("levels", slices.Concat(tables...))
	in := &g.net.Tensors[g.net.Inputs[0].Tensor]
	g.bytesPage = &bytesPage{Table: name, Step: step, Channels: in.C, Places: in.H * in.W, Sum: fmt.Sprintf("0x%08xu", g.bytesSum(in))}
}

// bytesPage is what templates read about bytes as input.
type bytesPage struct {
	Table                  string
	Step, Channels, Places int
	Sum                    string // of the levels of 0, 1, 2 ... 255, 0 ...
}

// byteTables is the tables of all channels, one if they are equal.
func (g *generator) byteTables() [][]uint8 {
	var tables [][]uint8
	same := true
	for i := range g.o.Bytes {
		tables = append(tables, g.o.Bytes[i][:])
		same = same && g.o.Bytes[i] == g.o.Bytes[0]
	}
	if same {
		return tables[:1]
	}
	return tables
}

// bytesSum is the checksum of the levels of bytes that count up.
func (g *generator) bytesSum(in *lut.Tensor) uint32 {
	var sum checksum
	for i := range in.Elems() {
		sum.add(uint32(g.o.Bytes[i%in.C][uint8(i)]))
	}
	return uint32(sum)
}

// checksum folds numbers as the C's self-test does.
type checksum uint32

func (c *checksum) add(v uint32) { *c = (*c<<5 | *c>>27) ^ checksum(v) }

// checkInput refuses options that do not suit the inputs of n.
func checkInput(n *lut.Network, o *Options) error {
	if err := checkSamples(n, o.Samples); err != nil {
		return err
	}
	if o.Bytes == nil && o.Rate == 0 {
		return nil
	}
	if len(n.Inputs) != 1 || n.Tensors[n.Inputs[0].Tensor].C != len(o.Bytes) {
		return &safe.FormatError{File: n.Name, Field: "input", Expected: fmt.Sprintf("one, of %d channels, as the tables of bytes", len(o.Bytes)), Found: fmt.Sprintf("%d inputs", len(n.Inputs))}
	}
	return checkSound(n, o.Rate)
}
