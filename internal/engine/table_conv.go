package engine

import (
	"fmt"
	"unsafe"

	"lutra/internal/kernel"
)

// tableConvSpec is a convolution of bytes by tables of partial dot products.
type tableConvSpec struct{ *convSpec }

func (s *tableConvSpec) takesBytes(int) bool   { return true }
func (s *tableConvSpec) givesBytes() bool      { return s.end.post == nil }
func (s *tableConvSpec) follows() bool         { return false }
func (s *tableConvSpec) writesBorder(*op) bool { return true }

// planes8 is an image of bytes as one plane per channel and phase of the
// strides, in which every output pixel finds the input of one tap at the same
// distance: output pixel (y, x) is position y*pitch+x.
type planes8 struct {
	pitch      int
	rows       int   // of a plane
	size       int   // of a plane, in bytes
	phasesY    []int // rows of the padded image modulo the stride that taps read
	phasesX    []int
	strips     int
	inC, batch int
}

func (s *tableConvSpec) planes(in image) planes8 {
	height, width := in.img/in.row, in.row/in.c
	p := planes8{pitch: ceilDiv(width, s.strideW), rows: ceilDiv(height, s.strideH), inC: s.inC, batch: s.batch}
	p.phasesY = phases(s.kh, s.dilationH, in.border.top-s.top, s.strideH)
	p.phasesX = phases(s.kw, s.dilationW, in.border.left-s.left, s.strideW)
	p.strips = ceilDiv((s.outH-1)*p.pitch+s.outW, kernel.Strip)
	farY := ((s.kh-1)*s.dilationH + in.border.top - s.top) / s.strideH
	farX := ((s.kw-1)*s.dilationW + in.border.left - s.left) / s.strideW
	p.size = roundUp(max(p.rows*p.pitch, p.strips*kernel.Strip+farY*p.pitch+farX), 64)
	if p.size%4096 == 0 {
		p.size += 64 // planes at the same place of a page would share cache lines
	}
	return p
}

// phases are the remainders modulo stride of the places that taps read.
func phases(taps, dilation, first, stride int) (all []int) {
	seen := make([]bool, stride)
	for i := range taps {
		seen[(i*dilation+first)%stride] = true
	}
	for i, yes := range seen {
		if yes {
			all = append(all, i)
		}
	}
	return all
}

// channel is the index of the first plane of channel c; those of its phases follow.
func (p *planes8) channel(c int) int { return c * len(p.phasesY) * len(p.phasesX) }

// bytes is the storage of all planes.
func (p *planes8) bytes() int { return p.batch * p.channel(p.inC) * p.size }

// offsets is where the planes hold each of the inputs of an output: element
// e of a row of the weight, in blocks of d; odd blocks are followed by one more.
func (s *tableConvSpec) offsets(p *planes8, in image, blocks, d int) (offs []int32) {
	taps := s.taps()
	for e := range blocks * d {
		at := 0
		if e < s.inC*taps {
			y := e%taps/s.kw*s.dilationH + in.border.top - s.top
			x := e%taps%s.kw*s.dilationW + in.border.left - s.left
			plane := p.channel(e/taps) + indexOf(p.phasesY, y%s.strideH)*len(p.phasesX) + indexOf(p.phasesX, x%s.strideW)
			at = plane*p.size + y/s.strideH*p.pitch + x/s.strideW
		}
		offs = append(offs, int32(at))
		if d%2 > 0 && e%d == d-1 {
			offs = append(offs, int32(at))
		}
	}
	return offs
}

func indexOf(all []int, v int) int {
	for i, w := range all {
		if w == v {
			return i
		}
	}
	return -1
}

// tableConv is a compiled convolution: one stage makes planes of its input,
// the next multiplies strips of positions, each for a part of the outputs.
type tableConv struct {
	level       level
	weights     *tableWeights
	planes      planes8
	inputs      *kernel.TableInputs
	in, out     *value
	from, to    image
	strideH     int
	strideW     int
	room        *value // of the planes
	residual    *value // nil: none
	residualMap image
	epilogue    epilogue
	scale, bias []float32
	outH, outW  int
	outC        int
}

func (s *tableConvSpec) compile(b *builder, o *op) (*step, error) {
	choice := b.model.tables.choice[s.weight]
	w, err := b.tableWeights(s.weight, s.outC, choice.parts)
	if err != nil {
		return nil, err
	}
	x := &tableConv{
		level: b.level, weights: w, in: o.in[0], out: o.out[0], from: o.in[0].image(), to: o.out[0].image(),
		strideH: s.strideH, strideW: s.strideW, epilogue: s.end, outH: s.outH, outW: s.outW, outC: s.outC,
	}
	x.planes = s.planes(x.from)
	blocks, d := b.tableBlocks(s)
	x.inputs = kernel.NewTableInputs(s.offsets(&x.planes, x.from, blocks, d))
	x.scale, x.bias = w.epilogue(&s.end, *x.in.quant)
	if s.end.residual {
		x.residual, x.residualMap = o.in[1], o.in[1].image()
	}
	x.room = b.scratch(o, x.planes.bytes())
	info := StepInfo{
		Kernel:      fmt.Sprintf("table %dx%d int8", s.kh, s.kw),
		MACs:        int64(o.out[0].shape().Elems()) * int64(s.inC*s.taps()),
		WeightBytes: w.bytes(), SNR: decibels(w.noise),
	}
	return &step{info: info, stages: []stage{x.split(), x.product()}}, nil
}

// split is the stage that makes planes: one unit is 32 channels of an image.
func (x *tableConv) split() stage {
	const channels = 32
	p := &x.planes
	per := ceilDiv(p.inC, channels)
	height, width := x.from.img/x.from.row, x.from.row/x.from.c
	return stage{units: p.batch * per, run: func(t *thread, u int) error {
		n, c := u/per, u%per*channels
		count := min(channels, p.inC-c)
		src := t.bytes(x.in)[n*x.from.img+c:]
		dst := t.bytes(x.room)[(n*p.channel(p.inC)+p.channel(c))*p.size:]
		if x.strideH*x.strideW == 1 {
			x.level.TransposeU8(dst, p.size, src, x.from.c, height*width, count)
			return nil
		}
		for i, fy := range p.phasesY {
			for j, fx := range p.phasesX {
				plane := dst[(i*len(p.phasesX)+j)*p.size:]
				for y := fy; y < height; y += x.strideH {
					x.level.TransposeU8(plane[y/x.strideH*p.pitch:], p.channel(1)*p.size,
						src[y*x.from.row+fx*x.from.c:], x.strideW*x.from.c, ceilDiv(width-fx, x.strideW), count)
				}
			}
		}
		return nil
	}}
}

// stripRoom is what a thread needs for a strip.
type stripRoom struct {
	room                      kernel.TableRoom
	args                      kernel.TableArgs
	finish                    kernel.TableFinish
	rows, pixels              [tableOutputs * kernel.Strip]uint8 // [output][position], [position][output]
	residualRows, residualPix [tableOutputs * kernel.Strip]uint8
	floats, residualFloats    [tableOutputs * kernel.Strip]float32
}

// tableOutputs is the number of outputs that are finished at a time.
const tableOutputs = 32

// product is the stage of the products: one unit is a strip and a part of the
// outputs, or all of them where an activation follows.
func (x *tableConv) product() stage {
	parts := len(x.weights.parts)
	if x.epilogue.post != nil {
		return stage{units: x.planes.batch * x.planes.strips, run: func(t *thread, u int) error {
			n, strip := u/x.planes.strips, u%x.planes.strips
			for part := range parts {
				x.part(t, n, strip, part)
			}
			return x.activate(t, n, strip)
		}}
	}
	return stage{units: x.planes.batch * x.planes.strips * parts, run: func(t *thread, u int) error {
		x.part(t, u/parts/x.planes.strips, u/parts%x.planes.strips, u%parts)
		return nil
	}}
}

// part computes a part of the outputs for a strip of image n.
func (x *tableConv) part(t *thread, n, strip, part int) {
	p, r := &x.planes, &t.strip
	tables := x.weights.parts[part]
	r.args = kernel.TableArgs{
		Tables: tables, Inputs: x.inputs, Room: &r.room,
		In: t.bytes(x.room)[n*p.channel(p.inC)*p.size+strip*kernel.Strip:],
	}
	x.level.Table(&r.args)
	first := part * x.weights.parts[0].Outputs()
	for o := 0; o < tables.Outputs(); o += tableOutputs {
		x.finish(t, n, strip, first, o, min(tableOutputs, tables.Outputs()-o))
	}
}

// pixels calls f for every run of output pixels of a strip that lie one behind
// the other in m: count of them from (y, x), which are positions from i on.
func (x *tableConv) pixels(m image, strip int, f func(i, y, x, count int)) {
	first, pitch := strip*kernel.Strip, x.planes.pitch
	if pitch == x.outW && m.dense() {
		f(0, first/pitch, first%pitch, min(kernel.Strip, x.outH*x.outW-first))
		return
	}
	for i := 0; i < kernel.Strip; {
		y, at := (first+i)/pitch, (first+i)%pitch
		if y >= x.outH {
			return
		}
		if at < x.outW {
			f(i, y, at, min(x.outW-at, kernel.Strip-i))
		}
		i += pitch - at
	}
}

// finish writes count outputs of a strip, from first+o on.
func (x *tableConv) finish(t *thread, n, strip, first, o, count int) {
	r, c := &t.strip, first+o
	f := &r.finish
	*f = kernel.TableFinish{
		Tables: r.args.Tables, Room: &r.room, First: o, N: count, Scale: x.scale[c:], Bias: x.bias[c:],
		Min: x.epilogue.min, Max: x.epilogue.max,
	}
	x.loadResidual(t, n, strip, c, count)
	q := x.out.quant
	if q == nil {
		f.OutF = r.floats[:]
		x.level.FinishTable(f)
		out := t.floats(x.out)
		x.pixels(x.to, strip, func(i, y, px, pixels int) {
			x.level.Transpose(out[x.to.at(n, y, px)+c:], x.to.c, r.floats[i:], kernel.Strip, count, pixels)
		})
		return
	}
	f.Out, f.OutScale, f.OutZero = r.rows[:], 1/q.Scale, q.Zero
	x.level.FinishTable(f)
	out := t.bytes(x.out)
	whole := false // strips that are one run need no copy
	x.pixels(x.to, strip, func(i, y, px, pixels int) {
		if whole = pixels == kernel.Strip; whole {
			x.level.TransposeU8(out[x.to.at(n, y, px)+c:], x.to.c, r.rows[:], kernel.Strip, count, kernel.Strip)
		}
	})
	if whole {
		return
	}
	x.level.TransposeU8(r.pixels[:], tableOutputs, r.rows[:], kernel.Strip, tableOutputs, kernel.Strip)
	x.pixels(x.to, strip, func(i, y, px, pixels int) {
		move(out[x.to.at(n, y, px)+c:], x.to.c, r.pixels[i*tableOutputs:], tableOutputs, pixels, count)
	})
}

// loadResidual makes rows of positions of the residual.
func (x *tableConv) loadResidual(t *thread, n, strip, c, count int) {
	r, v, m := &t.strip, x.residual, x.residualMap
	switch {
	case v == nil:
	case v.quant == nil:
		r.finish.ResidualF = r.residualFloats[:]
		src := t.floats(v)
		x.pixels(m, strip, func(i, y, px, pixels int) {
			x.level.Transpose(r.residualFloats[i:], kernel.Strip, src[m.at(n, y, px)+c:], m.c, pixels, count)
		})
	default:
		r.finish.Residual, r.finish.ResidualQ = r.residualRows[:], *v.quant
		src := t.bytes(v)
		whole := false
		x.pixels(m, strip, func(i, y, px, pixels int) {
			if whole = pixels == kernel.Strip; whole {
				x.level.TransposeU8(r.residualRows[:], kernel.Strip, src[m.at(n, y, px)+c:], m.c, kernel.Strip, count)
				return
			}
			move(r.residualPix[i*tableOutputs:], tableOutputs, src[m.at(n, y, px)+c:], m.c, pixels, count)
		})
		if !whole {
			x.level.TransposeU8(r.residualRows[:], kernel.Strip, r.residualPix[:], tableOutputs, kernel.Strip, tableOutputs)
		}
	}
}

// activate applies the activation to the pixels of a strip, which needs all
// their outputs.
func (x *tableConv) activate(t *thread, n, strip int) (err error) {
	out := t.floats(x.out)
	x.pixels(x.to, strip, func(_, y, px, pixels int) {
		if err == nil {
			err = x.epilogue.post.apply(x.level, out[x.to.at(n, y, px):][:pixels*x.to.c])
		}
	})
	return err
}

// move copies pixels of count bytes.
func move(dst []uint8, ldd int, src []uint8, lds, pixels, count int) {
	if count < tableOutputs {
		for i := range pixels {
			copy(dst[i*ldd:][:count], src[i*lds:])
		}
		return
	}
	for i := range pixels {
		to, from := words(dst[i*ldd:]), words(src[i*lds:])
		to[0], to[1], to[2], to[3] = from[0], from[1], from[2], from[3]
	}
}

// words are the first tableOutputs bytes of b.
func words(b []uint8) *[tableOutputs / 8]uint64 {
	return (*[tableOutputs / 8]uint64)(unsafe.Pointer((*[tableOutputs]uint8)(b)))
}
