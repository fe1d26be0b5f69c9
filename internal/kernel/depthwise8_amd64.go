//go:build !purego

package kernel

import "unsafe"

// depthwise8Call is what the assembly of filters reads: some rows of positions
// of chunks. The assembly moves in and out and counts height down.
type depthwise8Call struct {
	in                 *uint8
	out                unsafe.Pointer
	records            *byte
	row, tap           int
	chunks             int // of a position, >= 1
	positions          int // of a row, >= 1
	inSkip, outSkip    int // from behind the last chunk of a position to the next one
	inNext, outNext    int // bytes between rows
	height             int
	places             *[16]uint32 // of halved
	outScale           float32
	outZero            uint16
	last, lastOut      uint16    // words of the last chunk of a position
	second, lastSecond uint16    // words in the second half of what halved loads
	min, max           float32   // of results in float32
	lastF              [4]uint16 // those to store of the last chunk
}

// dotsBytes reports whether l has the dot product of bytes that filters take.
func dotsBytes(l Level) bool { return l >= VNNI }

// depthwise8 computes d by its filter.
func depthwise8(d *DepthwiseI8Args) {
	f := d.Filter
	c := depthwise8Call{
		records: &f.records[0], row: d.Row, tap: d.Tap, inNext: d.Next, outNext: d.OutNext, min: d.Min, max: d.Max,
		outScale: d.OutScale, outZero: uint16(d.OutZero), places: &f.places,
	}
	item := 1 // bytes
	if d.OutF != nil {
		item = 4
		c.outNext *= item
	}
	if f.form == perPixel {
		c.chunks, c.positions = f.chunks, d.Width
		c.inSkip, c.outSkip = d.Step-chunk8*f.chunks, item*(d.OutStep-chunk8*f.chunks)
		c.tail(d.Channels-chunk8*(f.chunks-1), d)
		c.run(d, 0, 0)
		return
	}
	// Whole periods of the weights, then the rest of the row.
	wide := 1
	if f.form == halved {
		wide = 2
	}
	size := d.Width * d.Channels
	period := chunk8 * f.chunks
	done := size / period * period
	if done > 0 {
		c.chunks, c.positions = f.chunks, size/period
		c.tail(chunk8, d)
		c.run(d, 0, 0)
	}
	if rest := size - done; rest > 0 {
		c.chunks, c.positions = (rest+chunk8-1)/chunk8, 1
		c.tail(rest-chunk8*(c.chunks-1), d)
		c.run(d, wide*done, done)
	}
}

// tail sets the masks for n outputs of the last chunk.
func (c *depthwise8Call) tail(n int, d *DepthwiseI8Args) {
	words := n / quad8
	c.last, c.lastOut = uint16(1<<words-1), uint16(1<<words-1)
	for i := range c.lastF {
		c.lastF[i] = uint16(1<<min(max(n-16*i, 0), 16) - 1)
	}
	if d.Filter.form == halved {
		c.second = uint16(1<<(source8(15, d.Channels/quad8)+1-16) - 1)
		read := uint32(1<<(source8(words-1, d.Channels/quad8)+1) - 1)
		c.last, c.lastSecond = uint16(read), uint16(read>>16)
	}
}

// run computes all rows from byte in of d.In to element out of the result.
func (c depthwise8Call) run(d *DepthwiseI8Args, in, out int) {
	c.in, c.height = &d.In[in], d.Height
	if d.OutF != nil {
		c.out = unsafe.Pointer(&d.OutF[out])
	} else {
		c.out = unsafe.Pointer(&d.Out[out])
	}
	switch {
	case d.OutF != nil && d.Filter.size == 5:
		depthwise8x5FloatVNNI(&c)
	case d.OutF != nil:
		depthwise8x3FloatVNNI(&c)
	case d.Filter.size == 5:
		depthwise8x5VNNI(&c)
	case d.Filter.form == halved:
		depthwise8x3HalvedVNNI(&c)
	default:
		depthwise8x3VNNI(&c)
	}
}
