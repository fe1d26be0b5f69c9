package engine

import (
	"fmt"
)

// byteKey names 8-bit weights: layouts of one weight differ by packing.
type byteKey struct {
	name    string
	packing bytePacking
}

// byteWeights are the weights of a convolution or matrix product in one plane
// of 8 bits, or two: weight = scale*high + scale/lowSteps*low.
type byteWeights struct {
	packing bytePacking
	planes  []bytePanels // high, low
	scale   []float32    // per output of all groups
	sums    [][]int32    // per plane and output: sum of its weights
	noise   float64      // to signal, of one plane
}

// bytePanels yields the panels of one plane.
type bytePanels interface {
	// panels are those from first to before end, each [depth/4][byteCols][4].
	// They are valid until the next call on the same thread with the same slot.
	panels(t *thread, slot, first, end int) []int8
	// bytes is the storage of the weights.
	bytes() int
}

func (w *byteWeights) bytes() int {
	n := 4 * len(w.scale)
	for _, p := range w.planes {
		n += p.bytes()
	}
	return n
}

// byteWeights packs the weight name as p says, or finds it packed already.
func (b *builder) byteWeights(name string, p bytePacking) (*byteWeights, error) {
	m := b.model
	key := byteKey{name, p}
	if w := m.bytes[key]; w != nil {
		return w, nil
	}
	var w *byteWeights
	switch c, x := m.codebook(name), floats(b.values[name]); {
	case x == nil && c == nil:
		return nil, fmt.Errorf("weight %q is packed in another layout and its dense form is gone", name)
	case x != nil:
		w = newDenseBytes(x, p)
	case p.decoded(c) && c.Scale != 0:
		w = &byteWeights{packing: p, scale: constant(p.groups*p.outputs, c.Scale)}
		w.addPlane(c.DecodeInt8())
	case p.decoded(c):
		w = newDenseBytes(c.Decode().Float32s(), p)
	default:
		w = newCodebookBytes(c, p, m.level)
	}
	if m.fixed[name] {
		m.bytes[key] = w
	}
	return w, nil
}

// densePlane holds all panels of a plane.
type densePlane struct {
	data []int8
	size int // of a panel
}

func (d *densePlane) panels(_ *thread, _, first, end int) []int8 {
	return d.data[first*d.size : end*d.size]
}
func (d *densePlane) bytes() int { return len(d.data) }

// newDenseBytes quantises w with a scale per output.
func newDenseBytes(w []float32, p bytePacking) *byteWeights {
	d := &byteWeights{packing: p}
	if !p.double {
		high, _, noise := d.quantiseRows(w, widest)
		d.noise = noise
		d.addPlane(high)
		return d
	}
	high, low, noise := d.quantiseRows(w, twoPlanes)
	d.noise = noise
	d.addPlane(high)
	d.addPlane(low)
	return d
}

// quantiseRows sets the scales and returns the planes of w in its own order (low
// is nil where form makes one), and the ratio of noise to signal of the high one.
func (d *byteWeights) quantiseRows(w []float32, form func(w []float32, count []int) planes) (high, low []int8, toSignal float64) {
	p := d.packing
	d.scale = make([]float32, p.groups*p.outputs)
	high = make([]int8, len(w))
	row := make([]float32, p.inputs*p.taps)
	var signal, noise float64
	for o := range d.scale {
		start, stride := p.output(o)
		for i := range row {
			row[i] = w[start+i*stride]
		}
		q := form(row, nil)
		for i, v := range q.high {
			high[start+i*stride] = v
		}
		if q.low != nil && low == nil {
			low = make([]int8, len(w))
		}
		for i, v := range q.low {
			low[start+i*stride] = v
		}
		d.scale[o] = q.scale
		signal, noise = signal+q.signal, noise+q.noise
	}
	return high, low, ratio(noise, signal)
}

// addPlane packs a plane given in its own order.
func (d *byteWeights) addPlane(w []int8) {
	p := d.packing
	data := p.pack(w)
	d.planes = append(d.planes, &densePlane{data, len(data) / p.panels()})
	sums := make([]int32, len(d.scale))
	for o := range sums {
		start, stride := p.output(o)
		for i := range p.inputs * p.taps {
			sums[o] += int32(w[start+i*stride])
		}
	}
	d.sums = append(d.sums, sums)
}

// suffix tells in a kernel's name that there are two planes.
func (d *byteWeights) suffix() string {
	if len(d.planes) > 1 {
		return " hi+lo"
	}
	return ""
}

// epilogue is what follows the integer sums of products with bytes of form q:
// a scale per plane and output, and a shift. With z the zero point,
// sum((byte-z)*w) is sum(byte*w) - z*sum(w).
func (d *byteWeights) epilogue(e *epilogue, q affine) (scale [][]float32, bias []float32) {
	bias = make([]float32, len(d.scale))
	for i := range d.planes {
		scale = append(scale, make([]float32, len(d.scale)))
		for o, s := range d.scale {
			s *= q.Scale
			if i > 0 {
				s /= lowSteps
			}
			if e.scale != nil {
				s *= e.scale[o]
			}
			scale[i][o] = s
		}
	}
	for o := range bias {
		sum := 0.0
		for i := range scale {
			sum += float64(scale[i][o]) * float64(d.sums[i][o])
		}
		sum *= -float64(q.Zero)
		if e.bias != nil {
			sum += float64(e.bias[o])
		}
		bias[o] = float32(sum)
	}
	return scale, bias
}
