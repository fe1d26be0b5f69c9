package kernel

import (
	"math"
	"slices"
)

// LUTDepthwise is a convolution of levels with filters of one channel. Rows of
// outputs follow each other as those of planes do, so that a channel is one long
// row: what is computed between rows is left out at the end.
type LUTDepthwise struct {
	planes     *LUTPlanes
	weights    []uint32      // [outputs][taps], each twice
	bias       []int32       // of outputs
	block      int           // taps
	exact      *exactFilters // nil: products are rounded
	activation *LUTActivation
	places     int // of an output, those between rows and a few more included
	batch      int // channels whose planes lie in the first cache
}

const (
	lutPlaneBatch = 12 << 10 // numbers that lie in the first cache
	lutMove       = 16       // levels that move at a time
)

// NewLUTDepthwise prepares filters for the channels of p: weights
// [outputs][KH*KW], none of them -32768, and a bias for each output; outputs are
// a multiple of channels. block is a number of consecutive taps, from multiples
// of it on, whose products have sums that fit 16 bits.
func (l Level) NewLUTDepthwise(p *LUTPlanes, weights []int16, bias []int32, block int, a *LUTActivation) *LUTDepthwise {
	if p.level != l {
		panic("kernel: lut: arranged for another level")
	}
	taps := p.KH * p.KW
	if block < 1 || len(bias) == 0 || len(bias)%p.Channels != 0 {
		panic("kernel: lut depthwise: size out of range")
	}
	need(weights, len(bias)*taps)
	if slices.Contains(weights, math.MinInt16) {
		panic("kernel: lut weights: -32768")
	}
	d := &LUTDepthwise{planes: p, bias: bias, block: min(block, taps), activation: a}
	for _, v := range weights[:len(bias)*taps] {
		d.weights = append(d.weights, uint32(uint16(v))*0x10001)
	}
	lanes := 2 * l.lutLanes()
	d.places = ((p.OutHeight-1)*p.pitch + p.OutWidth + lanes - 1) / lanes * lanes
	d.batch = min(max(lutPlaneBatch/p.group, 1), p.Channels)
	return d
}

// Memory is the numbers, zeros before the first time, and the levels of
// DepthwiseLUT's memory.
func (d *LUTDepthwise) Memory() (numbers, levels int) {
	return d.planes.elems(d.batch), max(d.batch, d.multiplier())*d.places + lutMove
}

// multiplier is the filters of a channel.
func (d *LUTDepthwise) multiplier() int { return len(d.bias) / d.planes.Channels }

// DepthwiseLUT computes all outputs of d:
//
//	dst[(o*OutHeight + y)*OutWidth + x] = a(bias[o] + sum over taps of RoundedProduct(number, weights[o][tap]))
//
// or exact products, of the numbers of levels src[(c*Height + y)*Width + x] of channel c = o*Channels/outputs,
// 0 outside. dst and src have LUTRoom more, which is read and written.
func (l Level) DepthwiseLUT(dst, src []uint8, d *LUTDepthwise, numbers []int16, levels []uint8) {
	p, m := d.planes, d.multiplier()
	need(dst, len(d.bias)*p.OutHeight*p.OutWidth+LUTRoom)
	need(src, p.Channels*p.Height*p.Width+LUTRoom)
	forNumbers, forLevels := d.Memory()
	need(numbers, forNumbers)
	need(levels, forLevels)
	for c := 0; c < p.Channels; c += d.batch {
		n := min(d.batch, p.Channels-c)
		l.PlanesLUT(numbers, src[c*p.Height*p.Width:], p, n)
		if m == 1 {
			d.outputs(l, dst, numbers, levels, c, n, p.group)
			continue
		}
		for i := range n {
			d.outputs(l, dst, numbers[i*p.group:], levels, (c+i)*m, m, 0)
		}
	}
}

// outputs computes n outputs from first on. Each reads the planes that are next
// numbers behind those of the one before.
func (d *LUTDepthwise) outputs(l Level, dst []uint8, numbers []int16, levels []uint8, first, n, next int) {
	filterLUT(l, d, levels, numbers, first, n, next)
	rowsLUT(l, d, dst[first*d.planes.OutHeight*d.planes.OutWidth:], levels, n)
}

func filterLUTGeneric(d *LUTDepthwise, levels []uint8, numbers []int16, first, n, next int) {
	taps := d.planes.taps
	for o := range n {
		weights := d.weights[(first+o)*len(taps):]
		for p := range d.places {
			if d.exact != nil {
				levels[o*d.places+p] = d.activation.level(d.exact.sum(numbers[o*next+p:], first+o))
				continue
			}
			z := d.bias[first+o]
			for k, t := range taps {
				z += int32(RoundedProduct(numbers[o*next+int(t)+p], int16(weights[k])))
			}
			levels[o*d.places+p] = d.activation.level(z)
		}
	}
}

// rowsLUTGeneric moves n outputs, without what was computed between rows.
func rowsLUTGeneric(d *LUTDepthwise, dst, levels []uint8, n int) {
	width := d.planes.OutWidth
	for o := range n {
		for y := range d.planes.OutHeight {
			copy(dst[:width], levels[o*d.places+y*d.planes.pitch:])
			dst = dst[width:]
		}
	}
}
