package engine

import "lutra/internal/kernel"

// unstrided is a copy of a small map that a convolution with strides reads
// without: phase (a, b) holds the pixels of rows a, a+strideH, ... and columns
// b, b+strideW, ... of the padded input. So the rows of an image lie close enough
// to share tiles.
type unstrided struct {
	*convSpec
	in     image
	input  *value
	copied *value // [n][phases][h][w][c]
	h, w   int
	pixel  int // bytes from one to the next
}

// samePlaces is the distance in bytes at which pixels get into each other's way
// in the first level of cache.
const samePlaces = 512

// newUnstrided is nil unless the codes of p are decoded while they are multiplied,
// with strides.
func (s *byteConvSpec) newUnstrided(b *builder, o *op, p bytePacking) *unstrided {
	m := o.in[0].image()
	strided, dilated := s.strideH*s.strideW > 1, s.dilationH*s.dilationW > 1
	codes := b.model.forms[s.weight] != nil && (p.blocked || p.taps == 1)
	if !streams(b.level, s.batch*s.outH*s.outW) || !codes || !strided || dilated || s.groups > 1 || m.c != p.inputs {
		return nil
	}
	f := &unstrided{
		convSpec: s.convSpec, in: m, input: o.in[0],
		h: s.outH + (s.kh-1)/s.strideH, w: s.outW + (s.kw-1)/s.strideW, pixel: m.c,
	}
	if m.c%samePlaces == 0 {
		f.pixel += bufferAlign
	}
	f.copied = b.scratch(o, s.batch*f.count()*f.size()+byteSlack)
	return f
}

// across and count are the phases of a row, and of an image.
func (f *unstrided) across() int { return min(f.strideW, f.kw) }
func (f *unstrided) count() int  { return min(f.strideH, f.kh) * f.across() }

// size is the bytes of a phase.
func (f *unstrided) size() int { return f.h*f.w*f.pixel + bufferAlign }

// stage copies; one unit is one phase of one image.
func (f *unstrided) stage() stage {
	return stage{units: f.batch * f.count(), run: func(t *thread, u int) error {
		n, a, b := u/f.count(), u%f.count()/f.across(), u%f.across()
		src, dst := t.bytes(f.input), t.bytes(f.copied)[u*f.size():]
		for y := range f.outH + (f.kh-1-a)/f.strideH {
			for x := range f.outW + (f.kw-1-b)/f.strideW {
				from := f.in.at(n, a+y*f.strideH-f.top, b+x*f.strideW-f.left)
				copy(dst[(y*f.w+x)*f.pixel:][:f.in.c], src[from:])
			}
		}
		return nil
	}}
}

// place is where a tap of the first output reads.
func (f *unstrided) place(tap int) int {
	y, x := tap/f.kw, tap%f.kw
	phase := y%f.strideH*f.across() + x%f.strideW
	return phase*f.size() + (y/f.strideH*f.w+x/f.strideW)*f.pixel
}

// use makes x read the copy.
func (f *unstrided) use(x *byteTiles, p bytePacking) {
	x.segments = p.segments(f.place)
	x.source, x.lda = f.copied, f.pixel
	for i := range x.runs {
		n, y := i/f.outH, i%f.outH
		x.runs[i].a = n*f.count()*f.size() + y*f.w*f.pixel
	}
}

// segments lists the contiguous elements that a row of a product reads, given
// where each tap of the first output reads.
func (p bytePacking) segments(place func(tap int) int) []kernel.Segment {
	var all []kernel.Segment
	if p.blocked {
		for c := 0; c < p.inputs; c += p.align {
			for tap := range p.taps {
				all = append(all, kernel.Segment{Off: place(tap) + c, Len: p.align})
			}
		}
		return all
	}
	for tap := 0; tap < p.taps; tap += p.perSegment {
		all = append(all, kernel.Segment{Off: place(tap), Len: p.segmentBytes()})
	}
	return all
}
