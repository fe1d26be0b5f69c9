package lut

// border corrects the sums of places whose windows reach into the padding, for
// layers that have 32 levels of which none is 0: a vector register has no room
// for the row of zeros, so that padding is summed up as if it were level
// stand-in, and taken away again.
type border struct {
	standIn int
	pattern []int32   // of each place: which taps are outside; 0: none
	extra   [][]int32 // [pattern][outputs] to be taken away
}

// newBorder works out the patterns of l, and their sums.
func (n *Network) newBorder(l *Linear) *border {
	in, out := &n.Tensors[l.In], &n.Tensors[l.Out]
	b := &border{standIn: l.Table.Levels / 2, pattern: make([]int32, out.H*out.W), extra: [][]int32{nil}}
	known := map[string]int32{}
	for place := range b.pattern {
		outside := l.Window.outside(in, place/out.W, place%out.W)
		if outside == nil {
			continue
		}
		id, ok := known[string(outside)]
		if !ok {
			id = int32(len(b.extra))
			known[string(outside)] = id
			b.extra = append(b.extra, b.sums(l, outside))
		}
		b.pattern[place] = id
	}
	return b
}

// outside marks the taps of a channel that output (y, x) reads in the padding;
// nil if there are none.
func (w Window) outside(in *Tensor, y, x int) []byte {
	var mark []byte
	for i := range w.KH {
		for j := range w.KW {
			iy, ix := y*w.StrideY+i*w.DilationY-w.Top, x*w.StrideX+j*w.DilationX-w.Left
			if iy >= 0 && iy < in.H && ix >= 0 && ix < in.W {
				continue
			}
			if mark == nil {
				mark = make([]byte, w.KH*w.KW)
			}
			mark[i*w.KW+j] = 1
		}
	}
	return mark
}

// sums is what the stand-in contributes to each output through the taps marked.
func (b *border) sums(l *Linear, outside []byte) []int32 {
	z := make([]int32, l.Outputs)
	row := l.Table.Entries[b.standIn*l.Table.Words*l.Table.D:]
	for k := range l.K {
		if outside[k%len(outside)] == 0 {
			continue
		}
		for o := range z {
			z[o] += int32(row[l.column(k, o)])
		}
	}
	return z
}

// correct takes the padding out of the sums of output o at the places from
// first on.
func (b *border) correct(z []int32, o, first int) {
	for i, p := range b.pattern[first:][:len(z)] {
		if p != 0 {
			z[i] -= b.extra[p][o]
		}
	}
}
