package kernel

import "math"

// LUTWindow is the geometry of a convolution of levels: output (y, x) of a channel
// reads, through tap (i, j), input (y*StrideY + i*DilationY - Top, x*StrideX + j*DilationX - Left).
type LUTWindow struct {
	Channels, Height, Width int // of the input
	OutHeight, OutWidth     int
	KH, KW                  int
	StrideY, StrideX        int
	DilationY, DilationX    int
	Top, Left               int // padding
}

// LUTPlanes says where the numbers of levels lie that windows read: on planes,
// one for each channel and phase of the strides, with padding, which is 0. The
// windows of consecutive outputs of a row begin at consecutive numbers, those of
// the next row Pitch numbers later.
type LUTPlanes struct {
	LUTWindow
	level       Level
	first, step int16
	flat        bool    // as the levels lie
	rows        []int32 // offsets of the input's rows, as far as windows read these
	cols        []int32 // of columns in a row
	taps        []int32 // of taps in the planes of a channel
	group       int     // numbers of the planes of a channel
	pitch       int
	masks       [2][lutPlaneLanes]uint16 // of the last vector of a row, of even and odd columns
}

const (
	// LUTRoom is how many levels behind those that they need kernels may read, or
	// write.
	LUTRoom = 64

	lutPlaneLanes = 32 // most numbers of a vector
)

// NewLUTPlanes lays out planes for a window. The number of level a is first + step*a.
func (l Level) NewLUTPlanes(w LUTWindow, first, step int16) *LUTPlanes {
	least := min(w.Channels, w.Height, w.Width, w.OutHeight, w.OutWidth, w.KH, w.KW, w.StrideY, w.StrideX, w.DilationY, w.DilationX)
	if least < 1 || min(w.Top, w.Left) < 0 {
		panic("kernel: lut planes: size out of range")
	}
	p := &LUTPlanes{LUTWindow: w, level: l, first: first, step: step}
	height := (w.OutHeight-1)*w.StrideY + (w.KH-1)*w.DilationY + 1 // that windows read
	width := (w.OutWidth-1)*w.StrideX + (w.KW-1)*w.DilationX + 1
	p.pitch = (width + w.StrideX - 1) / w.StrideX
	phases := w.StrideY * w.StrideX
	plane := (height + w.StrideY - 1) / w.StrideY * p.pitch
	if phases > 1 { // room for vectors that are longer than the last row
		plane += lutPlaneLanes
	}
	if p.group = phases * plane; p.group > math.MaxInt32/2/w.Channels {
		panic("kernel: lut planes: size out of range")
	}
	p.flat = phases == 1 && w.Top+w.Left == 0 && height == w.Height && width == w.Width
	row := func(y int) int32 { return int32(y%w.StrideY*w.StrideX*plane + y/w.StrideY*p.pitch) }
	col := func(x int) int32 { return int32(x%w.StrideX*plane + x/w.StrideX) }
	for i := range w.KH {
		for j := range w.KW {
			p.taps = append(p.taps, row(i*w.DilationY)+col(j*w.DilationX))
		}
	}
	for y := w.Top; y < min(w.Top+w.Height, height); y++ {
		p.rows = append(p.rows, row(y))
	}
	for x := w.Left; x < min(w.Left+w.Width, width); x++ {
		p.cols = append(p.cols, col(x))
	}
	p.mask()
	return p
}

// mask sets the masks: a vector of a row has numbers of every column, or of
// every other one.
func (p *LUTPlanes) mask() {
	before := (p.rowVectors() - 1) * 2 * p.level.lutLanes()
	for phase := range min(p.StrideX, len(p.masks)) {
		columns := (len(p.cols) + p.StrideX - 1 - phase) / p.StrideX
		for i := range min(columns-before, lutPlaneLanes) {
			p.masks[phase][i] = math.MaxUint16
		}
	}
}

// rowVectors is the vectors of a row of a plane.
func (p *LUTPlanes) rowVectors() int {
	lanes := 2 * p.level.lutLanes() * p.StrideX
	return (len(p.cols) + lanes - 1) / lanes
}

// Pitch is the numbers between the windows of outputs above each other.
func (p *LUTPlanes) Pitch() int { return p.pitch }

// Elems is the numbers of all planes, and of what kernels read behind them.
func (p *LUTPlanes) Elems() int { return p.elems(p.Channels) }

func (p *LUTPlanes) elems(channels int) int { return channels*p.group + lutPlaneLanes }

// Taps lists the offsets of the taps of n channels, from the first on.
func (p *LUTPlanes) Taps(first, n int) []int32 {
	var list []int32
	for c := range n {
		for _, t := range p.taps {
			list = append(list, int32((first+c)*p.group)+t)
		}
	}
	return list
}

// PlanesLUT spreads the numbers of n channels, which follow each other in src,
// over planes. dst has Elems numbers, and holds zeros before the first time; src
// has LUTRoom levels more, which are read.
func (l Level) PlanesLUT(dst []int16, src []uint8, p *LUTPlanes, n int) {
	if p.level != l {
		panic("kernel: lut: arranged for another level")
	}
	size := n * p.Height * p.Width
	need(dst, p.elems(n))
	need(src, size+LUTRoom)
	switch {
	case p.flat:
		l.NumbersLUT(dst, src[:size], p.first, p.step)
	case n > 0 && len(p.rows) > 0 && len(p.cols) > 0 && !planesLUT(l, dst, src, p, n):
		for c := range n {
			for y, row := range p.rows {
				line, to := src[(c*p.Height+y)*p.Width:], dst[c*p.group+int(row):]
				for x, col := range p.cols {
					to[col] = p.first + p.step*int16(line[x])
				}
			}
		}
	}
}
