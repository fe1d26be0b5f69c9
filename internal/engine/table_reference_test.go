package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/tensor"
)

// tableConv is the definition of a convolution by tables, one number at a time.
func (s *simulation) tableConv(c *tableConvSpec, o *op) {
	x, y := o.in[0], o.out[0]
	src := s.tableSource(c)
	words := make([]tableWord, len(src.words)/src.d)
	for k := range words {
		words[k] = newTableWord(src.words[k*src.d:][:src.d])
	}
	group := tableGroup(len(words), src.outputs)
	unit, span := src.fit(words, src.uses(), group)
	for i := range y.shape().Elems() {
		ox, oy, oc, n := i%c.outW, i/c.outW%c.outH, i/c.outW/c.outH%c.outC, i/c.outW/c.outH/c.outC
		sum, part, weights := 0, 0, 0.0
		for b := range src.blocks {
			k := src.codes[b*c.outC+oc]
			dot := 0
			for j, w := range words[k].words {
				e := b*src.d + j
				if e >= c.inC*c.taps() {
					break
				}
				channel, tap := e/c.taps(), e%c.taps()
				iy, ix := oy*c.strideH-c.top+tap/c.kw*c.dilationH, ox*c.strideW-c.left+tap%c.kw*c.dilationW
				v := int(x.quant.Zero)
				if iy >= 0 && iy < c.inH && ix >= 0 && ix < c.inW {
					v = int(s.bytes[x][((n*c.inC+channel)*c.inH+iy)*c.inW+ix])
				}
				dot += int(w) * v
			}
			if dot > 32767 || dot < -32768 {
				s.t.Fatalf("a product of a codeword is %d", dot)
			}
			m := words[k].multiplier(unit)
			if b%(group*span) == 0 {
				part = 0
			}
			row := (m*dot + 1<<14) >> 15
			if part += row; part > 32767 || part < -32768 {
				s.t.Fatalf("a sum of %d blocks is %d", group*span, part)
			}
			sum += row
			weights += float64(m) / (1 << 15) * unit * float64(words[k].total)
		}
		s.put(y, s.tableEnd(c, o, oc, i, sum, float32(unit), weights))
	}
}

func (s *simulation) tableSource(c *tableConvSpec) *tableSource {
	if book := s.b.model.codebook(c.weight); book != nil {
		return codebookSource(book)
	}
	return denseSource(s.b.model.graph.Consts[c.weight].Float32s(), c.outC)
}

// tableEnd is the epilogue of element i, of output oc.
func (s *simulation) tableEnd(c *tableConvSpec, o *op, oc, i, sum int, unit float32, weights float64) float32 {
	q, e := o.in[0].quant, &c.end
	factor, shift := float64(q.Scale), 0.0
	if e.scale != nil {
		factor *= float64(e.scale[oc])
	}
	shift = -float64(q.Zero) * factor * weights
	if e.bias != nil {
		shift += float64(e.bias[oc])
	}
	v := float32(float32(sum)*float32(factor*float64(unit))) + float32(shift)
	if e.residual {
		v += s.number(o.in[1], i)
	}
	return clampTo(v, e.min, e.max)
}

// TestTableConvolutions covers what differs by the geometry of planes, by the
// length of sums and by the cut of outputs.
func TestTableConvolutions(t *testing.T) {
	for name, c := range map[string]struct {
		in, out, kernel, d, k int
		attrs                 []graph.Attr
	}{
		"wide sums":      {in: 300, out: 9, kernel: 3, attrs: []graph.Attr{pads(1)}},
		"wide codebook":  {in: 600, out: 20, kernel: 1, d: 4, k: 300},
		"many outputs":   {in: 3, out: 70, kernel: 3, d: 9, k: 64, attrs: []graph.Attr{pads(1)}},
		"stride 3":       {in: 5, out: 6, kernel: 3, d: 9, k: 9, attrs: []graph.Attr{pads(1), ints("strides", 3, 2)}},
		"strided holes":  {in: 5, out: 6, kernel: 3, attrs: []graph.Attr{pads(2), ints("strides", 2, 2), ints("dilations", 2, 2)}},
		"large window":   {in: 3, out: 40, kernel: 7, attrs: []graph.Attr{pads(3), ints("strides", 2, 2)}},
		"one codeword":   {in: 4, out: 40, kernel: 3, d: 18, k: 1, attrs: []graph.Attr{pads(1)}},
		"blocks of 1":    {in: 8, out: 8, kernel: 1, d: 1, k: 16},
		"blocks of 17":   {in: 17, out: 8, kernel: 1, d: 17, k: 16},
		"blocks too big": {in: 19, out: 8, kernel: 1, d: 19, k: 16},
	} {
		t.Run(name, func(t *testing.T) {
			shape := tensor.Shape{2, 3, 13, 9}
			n := newNet(uint64(len(name)), shape)
			x := n.relu(n.conv("x0", n.weight(c.in, 3, 1, 1)))
			w := ""
			if c.d > 0 {
				w = n.codebook(c.k, c.d, []int{0, 1, 2, 3}, c.out, c.in, c.kernel, c.kernel)
			} else {
				w = n.weight(c.out, c.in, c.kernel, c.kernel)
			}
			y := n.relu(n.norm(n.conv(x, w, c.attrs...), c.out))
			z := n.norm(n.conv(y, n.weight(c.out, c.out, 3, 3), pads(1)), c.out)
			z = n.relu(n.node("Add", []string{z, y}))
			n.output(n.conv(z, n.weight(4, c.out, 1, 1)))
			checkInt8(t, n.g, n.inputs(shape), 0.05)
		})
	}
}

// TestTableChoice: processors with dot products of bytes need no tables, nor
// do images of one pixel.
func TestTableChoice(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		form Products
		want string
	}{
		"large":  {28, ProductsFastest, "table 3x3 int8"},
		"small":  {1, ProductsFastest, "conv 3x3 int8"},
		"never":  {28, ProductsDirect, "conv 3x3 int8"},
		"always": {1, ProductsByTables, "table 3x3 int8"},
	} {
		t.Run(name, func(t *testing.T) {
			shape := tensor.Shape{1, 3, c.size, c.size}
			n := newNet(1, shape)
			x := n.relu(n.conv("x0", n.weight(64, 3, 1, 1)))
			x = n.relu(n.conv(x, n.codebook(256, 9, []int{0, 1, 2, 3}, 64, 64, 3, 3), pads(1)))
			n.output(n.conv(x, n.weight(4, 64, 1, 1)))
			ranged(t, n.g, n.inputs(shape))
			for _, l := range levels() {
				want := c.want
				if l.DotsBytes() && c.form != ProductsByTables {
					want = "conv 3x3 int8"
				}
				_, p := compile(t, n.g, Options{Mode: Int8, Level: &l, Products: c.form, Threads: 1}, shape)
				if got := p.Steps()[2].Kernel; got != want {
					t.Errorf("%v: %q, want %q", l, got, want)
				}
			}
		})
	}
}

// TestTablesOfLaterPlans: a weight stays as tables in plans of other shapes and
// outputs.
func TestTablesOfLaterPlans(t *testing.T) {
	shape := tensor.Shape{1, 3, 20, 20}
	n := newNet(1, shape)
	for i := range n.g.Inputs[0].Dims {
		n.g.Inputs[0].Dims[i].Size = -1
	}
	x := n.relu(n.conv("x0", n.weight(64, 3, 1, 1)))
	inner := n.conv(x, n.weight(64, 64, 3, 3), pads(1))
	n.output(n.conv(n.relu(inner), n.weight(4, 64, 1, 1)))
	ranged(t, n.g, n.inputs(shape))
	l := kernel.Generic
	m, _ := compile(t, n.g, Options{Mode: Int8, Level: &l, Threads: 3}, shape)
	for _, size := range []int{20, 1, 40} {
		for _, outputs := range [][]string{nil, {inner}, {x, inner}} {
			p, err := m.Plan(map[string]tensor.Shape{"x0": {2, 3, size, size}}, outputs)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(p.Steps(), func(s StepInfo) bool { return s.Kernel == "table 3x3 int8" }) {
				t.Errorf("size %d, outputs %v: no table", size, outputs)
			}
		}
	}
}

// TestTableFit: of the patches that make the sum of an output largest and
// least none overflows, and the unit is hardly larger than that takes.
func TestTableFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct{ d, k, blocks, outputs int }{{9, 256, 64, 30}, {4, 20, 7, 5}, {18, 100, 100, 64}, {1, 3, 9, 2}} {
		s := &tableSource{d: c.d, blocks: c.blocks, outputs: c.outputs}
		for range c.k * c.d {
			s.words = append(s.words, float32(rng.NormFloat64()*math.Exp(rng.NormFloat64())))
		}
		for range c.blocks * c.outputs {
			s.codes = append(s.codes, int32(rng.IntN(c.k)))
		}
		var words []tableWord
		for k := range c.k {
			words = append(words, newTableWord(s.words[k*c.d:][:c.d]))
		}
		group := tableGroup(c.k, c.outputs)
		unit, span := s.fit(words, s.uses(), group)
		worst := 0
		for o := range c.outputs {
			high, low := 0, 0
			for b := range c.blocks {
				if b%(group*span) == 0 {
					high, low = 0, 0
				}
				w := words[s.codes[b*c.outputs+o]]
				positive, negative := 0, 0 // the products with 255 where the codeword is positive, or negative
				for _, v := range w.words {
					positive, negative = positive+255*max(int(v), 0), negative+255*min(int(v), 0)
				}
				m := w.multiplier(unit)
				if positive > math.MaxInt16 || negative < math.MinInt16 || m > math.MaxInt16 {
					t.Fatalf("%+v: products %d to %d, multiplier %d", c, negative, positive, m)
				}
				high, low = high+(m*positive+1<<14)>>15, low+(m*negative+1<<14)>>15
				worst = max(worst, high, -low-1, m)
			}
		}
		if worst > math.MaxInt16 || worst < math.MaxInt16*98/100 {
			t.Errorf("%+v: the largest sum is %d", c, worst)
		}
	}
}
