package emitc

import (
	"fmt"
	"math"
	"math/rand/v2"

	"lutra/internal/graph"
	"lutra/internal/lut"
)

// drawing draws random networks: layer by layer, with tables so small that no
// sum overflows.
type drawing struct {
	*lut.Network
	rng    *rand.Rand
	shared map[string]*lut.Table // tables by kind, if all layers share them
	most   int                   // largest product of such tables; 0: as sums allow
}

const levels = 32

func newDrawing(seed uint64, c, h, w int) *drawing {
	d := &drawing{Network: &lut.Network{Name: fmt.Sprint("drawing ", seed)}, rng: rand.New(rand.NewPCG(seed, 7))}
	d.Inputs = []lut.Input{{Name: "x", Tensor: d.tensor(c, h, w, levels)}}
	return d
}

func (d *drawing) tensor(c, h, w, n int) int {
	t := lut.Tensor{Name: fmt.Sprint("t", len(d.Tensors)), C: c, H: h, W: w, Unit: 0.25}
	if n > 0 {
		t.Quantiser = graph.Quantiser{Levels: n, High: 6}
	}
	d.Tensors = append(d.Tensors, t)
	return len(d.Tensors) - 1
}

// activation is one for sums of a standard deviation of about spread.
func (d *drawing) activation(spread int) lut.Activation {
	a := lut.Activation{Bins: levels}
	for 8<<a.Shift < spread {
		a.Shift++
	}
	if d.rng.IntN(2) == 0 { // as of TanhD: bins narrower than levels
		a.Map = make([]uint8, 3*levels)
		for i := range a.Map {
			a.Map[i] = uint8(i / 3)
		}
		a.Bins = len(a.Map)
	}
	return a
}

// table is one of random products of which k stay below 2^15; if all layers
// share it, of products as lut.Build makes them.
func (d *drawing) table(words, size, k int) *lut.Table {
	kind := fmt.Sprint(words, size)
	if t := d.shared[kind]; t != nil {
		return t
	}
	if d.shared != nil {
		k = 1200
	}
	t := &lut.Table{Levels: levels, Words: words, D: size, Entries: make([]int16, (levels+1)*words*size)}
	most := min(32767/k, 500)
	if d.most > 0 {
		most = d.most
	}
	for i := range t.Entries[:levels*words*size] {
		t.Entries[i] = int16(d.rng.IntN(2*most+1) - most)
	}
	if d.shared != nil {
		d.shared[kind] = t
		for w := range words * size {
			weight := (2*d.rng.Float64() - 1) * float64(most) / levels
			for a := range levels {
				t.Entries[a*words*size+w] = int16(math.Floor(float64(a)*weight + 0.5))
			}
		}
	}
	return t
}

// linear appends a convolution; residual is a tensor or -1.
func (d *drawing) linear(in, outputs, words, size int, w lut.Window, groups, residual int, scores bool) int {
	t := d.Tensors[in]
	l := &lut.Linear{
		Name: fmt.Sprint("linear", len(d.Layers)), In: in, Residual: residual, Window: w, Groups: groups,
		K: t.C / groups * w.KH * w.KW, Outputs: outputs, Pad: levels,
	}
	l.Block = l.K
	l.Table = d.table(words, size, l.K)
	if d.shared != nil {
		l.Pad = 0 // as of rectifiers; other tables have a row of zeros
	}
	h := (t.H+w.Top+w.Bottom-(w.KH-1)*w.DilationY-1)/w.StrideY + 1
	v := (t.W+w.Left+w.Right-(w.KW-1)*w.DilationX-1)/w.StrideX + 1
	n := levels
	if scores {
		n = 0
	} else {
		l.Activation = d.activation(32767 / 4)
	}
	l.Out = d.tensor(outputs, h, v, n)
	l.Codes = make([]uint16, l.K*outputs/size)
	for i := range l.Codes {
		l.Codes[i] = uint16(d.rng.IntN(words))
	}
	for range outputs {
		l.Bias = append(l.Bias, int32(d.rng.IntN(8000)))
	}
	if residual >= 0 {
		for i := range levels {
			l.ResidualTable = append(l.ResidualTable, int32(200*i))
		}
	}
	d.Layers = append(d.Layers, l)
	return l.Out
}

// window is a square one that keeps the size, but for the stride.
func window(k, stride int) lut.Window {
	return lut.Window{KH: k, KW: k, StrideY: stride, StrideX: stride, DilationY: 1, DilationX: 1, Top: k / 2, Left: k / 2, Bottom: k / 2, Right: k / 2}
}

func (d *drawing) dense(in, outputs, words, size int, scores bool) int {
	t := d.Tensors[in]
	return d.linear(in, outputs, words, size, lut.Window{KH: t.H, KW: t.W, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1}, 1, -1, scores)
}

func (d *drawing) sum(a, b int) int {
	t := d.Tensors[a]
	l := &lut.Sum{Name: fmt.Sprint("sum", len(d.Layers)), In: []int{a, b}, Out: d.tensor(t.C, t.H, t.W, levels), Bias: 3, Activation: d.activation(1000)}
	for range 2 {
		var table []int32
		for i := range levels {
			table = append(table, int32(i*d.rng.IntN(60)))
		}
		l.Tables = append(l.Tables, table)
	}
	d.Layers = append(d.Layers, l)
	return l.Out
}

func (d *drawing) pool(in int, w lut.Window, average bool) int {
	t := d.Tensors[in]
	out := d.tensor(t.C, (t.H+w.Top+w.Bottom-w.KH)/w.StrideY+1, (t.W+w.Left+w.Right-w.KW)/w.StrideX+1, levels)
	if !average {
		d.Layers = append(d.Layers, &lut.MaxPool{Name: fmt.Sprint("max", len(d.Layers)), In: in, Out: out, Window: w})
		return out
	}
	l := &lut.AvgPool{Name: fmt.Sprint("average", len(d.Layers)), In: in, Out: out, Window: w, Pad: levels, Bias: 100, Activation: d.activation(200 * w.KH * w.KW)}
	for i := range levels + 1 {
		l.Table = append(l.Table, int32(i%levels*16))
	}
	d.Layers = append(d.Layers, l)
	return out
}

func (d *drawing) concat(in ...int) int {
	t := d.Tensors[in[0]]
	l := &lut.Concat{Name: fmt.Sprint("concat", len(d.Layers)), In: in, Maps: make([][]uint8, len(in))}
	c := 0
	for i, x := range in {
		c += d.Tensors[x].C
		if i%2 == 1 {
			for j := range levels {
				l.Maps[i] = append(l.Maps[i], uint8((j*3)%levels))
			}
		}
	}
	l.Out = d.tensor(c, t.H, t.W, levels)
	d.Layers = append(d.Layers, l)
	return l.Out
}

// gather moves levels at random: those of a place alike, with new channels and
// every second place left out, or one by one.
func (d *drawing) gather(in int, alike bool) int {
	t := d.Tensors[in]
	l := &lut.Gather{Name: fmt.Sprint("gather", len(d.Layers)), In: in, Fill: 5}
	if !alike {
		l.Out = d.tensor(t.C, t.H, t.W, levels)
		for _, i := range d.rng.Perm(t.Elems()) {
			l.From = append(l.From, int32(i)-1) // one is new
		}
		d.Layers = append(d.Layers, l)
		return l.Out
	}
	l.Out = d.tensor(t.C+3, (t.H+1)/2, (t.W+1)/2, levels)
	for c := range t.C + 3 {
		for y := 0; y < t.H; y += 2 {
			for x := t.W - 1 - (t.W-1)%2; x >= 0; x -= 2 {
				from := int32(-1)
				if c >= 2 && c < t.C+2 {
					from = int32(((c-2)*t.H+y)*t.W + x)
				}
				l.From = append(l.From, from)
			}
		}
	}
	d.Layers = append(d.Layers, l)
	return l.Out
}

func (d *drawing) output(t int) *lut.Network {
	d.Outputs = append(d.Outputs, lut.Output{Name: fmt.Sprint("y", len(d.Outputs)), Tensor: t, Shape: []int{d.Tensors[t].Elems()}})
	return d.Network
}

// draw is a network of random layers.
func draw(seed uint64) *lut.Network {
	rng := rand.New(rand.NewPCG(seed, 3))
	d := newDrawing(seed, 1+rng.IntN(5), 3+rng.IntN(10), 3+rng.IntN(10))
	size := 1 + rng.IntN(2)
	words := []int{2, 7, 64, 100, 128, 200, 256}[rng.IntN(7)]
	if size == 1 && rng.IntN(4) == 0 {
		words = 1000
	}
	outputs := func() int { return size * (1 + rng.IntN(12)) }
	x := 0
	for range 2 + rng.IntN(5) {
		t := d.Tensors[x]
		if t.H < 2 || t.W < 2 {
			break
		}
		switch rng.IntN(8) {
		case 0:
			x = d.linear(x, outputs(), words, size, window([]int{1, 3, 5}[rng.IntN(3)], 1+rng.IntN(2)), 1, -1, false)
		case 1:
			if t.C%size == 0 {
				x = d.linear(x, t.C, words, size, window(3, 1), 1, x, false)
			}
		case 2:
			if words <= 256 {
				w := window(3, 1+rng.IntN(2))
				if rng.IntN(3) == 0 {
					w = lut.Window{KH: 3, KW: 2, StrideY: 1, StrideX: 2, DilationY: 2, DilationX: 1, Top: 2, Bottom: 2, Right: 1}
				}
				x = d.linear(x, t.C, min(words, 256), 1, w, t.C, -1, false)
			}
		case 3:
			x = d.pool(x, lut.Window{KH: 2, KW: 2, StrideY: 2, StrideX: 2, DilationY: 1, DilationX: 1}, rng.IntN(2) == 0)
		case 4:
			x = d.pool(x, window(3, 1), rng.IntN(2) == 0)
		case 5:
			y := d.linear(x, outputs(), words, size, window(3, 1), 1, -1, false)
			x = d.concat(x, y)
		case 6:
			if t.C%size == 0 {
				x = d.sum(x, d.linear(x, t.C, words, size, window(1, 1), 1, -1, false))
			}
		case 7:
			x = d.gather(x, rng.IntN(3) > 0)
		}
	}
	if rng.IntN(4) == 0 {
		d.output(x)
	}
	if rng.IntN(4) > 0 || len(d.Outputs) == 0 {
		x = d.dense(x, outputs()+size*8, words, size, false)
		d.output(d.dense(x, outputs(), words, size, true))
	}
	return d.Network
}

// inputs draws levels of all inputs.
func inputs(n *lut.Network, seed uint64, count int) [][]uint8 {
	rng := rand.New(rand.NewPCG(seed, 9))
	all := make([][]uint8, count)
	for i := range all {
		for _, in := range n.Inputs {
			for range n.Tensors[in.Tensor].Elems() {
				all[i] = append(all[i], uint8(rng.IntN(levels)))
			}
		}
	}
	return all
}
