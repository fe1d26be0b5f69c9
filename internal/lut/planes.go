package lut

import "lutra/internal/kernel"

// planes lays out the input of l for the kernels of a level.
func (l *Linear) planes(n *Network, level kernel.Level) *kernel.LUTPlanes {
	in, out, w := &n.Tensors[l.In], &n.Tensors[l.Out], l.Window
	return level.NewLUTPlanes(kernel.LUTWindow{
		Channels: in.C, Height: in.H, Width: in.W, OutHeight: out.H, OutWidth: out.W, KH: w.KH, KW: w.KW,
		StrideY: w.StrideY, StrideX: w.StrideX, DilationY: w.DilationY, DilationX: w.DilationX, Top: w.Top, Left: w.Left,
	}, l.Table.First, l.Table.Step)
}

// tile is consecutive places, and where windows begin for runs of them.
type tile struct {
	first, n int
	runs     []kernel.LUTRun
}

// tiles cuts the places of out, in order, into tiles of at most size. Windows of
// a row begin pitch numbers behind those of the row before.
func tiles(out *Tensor, pitch, size int) []tile {
	var list []tile
	for first := 0; first < out.H*out.W; first += size {
		t := tile{first: first, n: min(size, out.H*out.W-first)}
		for i := 0; i < t.n; {
			y, x := (first+i)/out.W, (first+i)%out.W
			n := min(out.W-x, t.n-i)
			src := y*pitch + x
			if k := len(t.runs) - 1; k >= 0 && int(t.runs[k].Src+t.runs[k].N) == src {
				t.runs[k].N += int32(n) // rows without gaps between them
			} else {
				t.runs = append(t.runs, kernel.LUTRun{Src: int32(src), Dst: int32(i), N: int32(n)})
			}
			i += n
		}
		list = append(list, t)
	}
	return list
}
