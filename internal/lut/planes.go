package lut

import "lutra/internal/kernel"

// phasePlanes is the layout of a padded input: [channels][rows][phases][width].
// Pixel x of a row is pixel x/phases of phase x%phases, so that the windows of
// a row of outputs begin at consecutive pixels whatever the stride.
type phasePlanes struct {
	channels, rows, phases, width int
	inH, inW, top, left           int
}

func newPhasePlanes(in *Tensor, w Window) phasePlanes {
	p := phasePlanes{channels: in.C, rows: in.H + w.Top + w.Bottom, phases: w.StrideX, inH: in.H, inW: in.W, top: w.Top, left: w.Left}
	p.width = (in.W + w.Left + w.Right + p.phases - 1) / p.phases
	return p
}

// elems is the number of pixels of all planes.
func (p *phasePlanes) elems() int { return p.channels * p.rows * p.phases * p.width }

// fill copies a tensor into the planes.
func (p *phasePlanes) fill(dst, src []int16) {
	pitch := p.phases * p.width
	for c := range p.channels {
		for y := range p.inH {
			row := dst[(c*p.rows+p.top+y)*pitch:][:pitch]
			line := src[(c*p.inH+y)*p.inW:][:p.inW]
			if p.phases == 1 {
				copy(row[p.left:], line)
				continue
			}
			phase, at := p.left%p.phases, p.left/p.phases
			for _, a := range line {
				row[phase*p.width+at] = a
				if phase++; phase == p.phases {
					phase, at = 0, at+1
				}
			}
		}
	}
}

// group lists the offsets of the taps of group g of l.
func (p *phasePlanes) group(l *Linear, g int) []int32 {
	channels := p.channels / l.Groups
	return p.taps(l.Window, g*channels, channels)
}

// taps lists the offsets of all taps over n channels from the first on.
func (p *phasePlanes) taps(w Window, first, n int) []int32 {
	var list []int32
	pitch := p.phases * p.width
	for c := first; c < first+n; c++ {
		for i := range w.KH {
			for j := range w.KW {
				x := j * w.DilationX
				list = append(list, int32((c*p.rows+i*w.DilationY)*pitch+x%p.phases*p.width+x/p.phases))
			}
		}
	}
	return list
}

// tiles cuts the places of out, in order, into tiles of at most size.
func (p *phasePlanes) tiles(out *Tensor, w Window, size int) []tile {
	var list []tile
	for first := 0; first < out.H*out.W; first += size {
		t := tile{first: first, n: min(size, out.H*out.W-first)}
		for i := 0; i < t.n; {
			y, x := (first+i)/out.W, (first+i)%out.W
			n := min(out.W-x, t.n-i)
			src := y*w.StrideY*p.phases*p.width + x
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
