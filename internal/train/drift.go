package train

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"lutra/internal/tensor"
)

// drift makes the parameter by which the blocks of k drift away from their
// codewords: what every weight would be if it were free, less the codeword that
// stands for it, in the order of the codes. The forward pass does not read it, its
// gradient is that of the weight (a straight-through estimator, Bengio, Leonard and Courville 2013), and
// Reassign turns it into other codes.
func (b *builder) drift(k *book) *Param {
	n := len(k.Codes)
	p := &Param{
		Name: k.Name + ".drift", Shape: tensor.Shape{n, k.D}, Value: make([]float32, n*k.D), Grad: make([]float32, n*k.D),
		Rate: 1, Of: k.param,
	}
	b.net.params = append(b.net.params, p)
	k.Codes = slices.Clone(k.Codes)
	return p
}

// Reassign gives blocks the codeword that is nearest to where they have
// drifted: the share most of all blocks of a codebook, those that the way
// there brings nearest, as few changes together are foreseen better than many
// (Malinovskii et al., PV-Tuning, 2024). Then drift begins anew. It returns the
// number of codes that changed. Ties go to the smaller code and the earlier block.
// When ctx is done before it has decided on all of them it changes nothing and returns its error.
func (n *Net) Reassign(ctx context.Context, most float64) (int, error) {
	n.crew.start(ctx)
	defer n.crew.stop()
	var all []*reassigned
	for _, k := range n.books {
		if k.drift == nil {
			continue
		}
		codes, gains := k.nearest(n.crew)
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		all = append(all, &reassigned{k, codes, largest(gains, int(math.Ceil(most*float64(len(k.Codes)))))})
	}
	changed := 0
	for _, m := range all {
		for _, i := range m.blocks {
			m.Codes[i] = m.codes[i]
		}
		changed += len(m.blocks)
		clear(m.drift.Value)
		if n.meanWords {
			m.meanShares()
		}
	}
	return changed, nil
}

// reassigned are the blocks of a book that are to get other codes, of all that are nearest.
type reassigned struct {
	*book
	codes  []uint16
	blocks []int
}

// largest lists the most places of the largest positive gains, the earlier of
// equal ones. It sorts no more than that many at a time, as blocks go by the million.
func largest(gains []float32, most int) []int {
	var places []int
	floor := float32(0)
	keep := func() {
		slices.SortFunc(places, func(a, b int) int { return cmp.Or(cmp.Compare(gains[b], gains[a]), cmp.Compare(a, b)) })
		places = places[:most]
		floor = gains[places[most-1]]
	}
	for i, g := range gains {
		if g > floor {
			if places = append(places, i); len(places) == 2*most {
				keep()
			}
		}
	}
	if len(places) > most {
		keep()
	}
	return places
}

// nearest is the codeword nearest to every block, and by how much the square of
// its distance is smaller than that of the present one.
func (k *book) nearest(c *crew) (codes []uint16, gains []float32) {
	planes, half := k.planes()
	codes, gains = make([]uint16, len(k.Codes)), make([]float32, len(k.Codes))
	pieces := max(1, len(codes)>>12)
	c.each(pieces, func(w *worker, u int) {
		from, to := part(len(codes), pieces, u)
		x := w.room(0, (to-from)*k.D)
		for i := range to - from {
			word := k.word(k.Codes[from+i])
			for j, v := range k.drift.Value[(from+i)*k.D:][:k.D] {
				x[i*k.D+j] = word[j] + v/k.factor
			}
		}
		c.level.Nearest(codes[from:to], x, k.D, planes, half)
		for i := from; i < to; i++ {
			if codes[i] == k.Codes[i] {
				continue
			}
			old, place := k.word(k.Codes[i]), x[(i-from)*k.D:][:k.D]
			for j, v := range k.word(codes[i]) {
				gains[i] += (place[j]-old[j])*(place[j]-old[j]) - (place[j]-v)*(place[j]-v)
			}
		}
	})
	return codes, gains
}

func (k *book) word(code uint16) []float32 { return k.words[int(code)*k.D:][:k.D] }

// planes are the codewords as kernel.Nearest reads them.
func (k *book) planes() (planes, half []float32) {
	planes, half = make([]float32, k.K*k.D), make([]float32, k.K)
	for i := range half {
		for j, v := range k.words[i*k.D:][:k.D] {
			planes[j*k.K+i] = v
			half[i] += v * v / 2
		}
	}
	return planes, half
}

// appendCodes appends the codes that Reassign may have changed to b.
func (n *Net) appendCodes(b []byte) []byte {
	for _, k := range n.books {
		if k.drift != nil {
			for _, c := range k.Codes {
				b = binary.LittleEndian.AppendUint16(b, c)
			}
		}
	}
	return b
}

// codeBytes is the length of what appendCodes appends.
func (n *Net) codeBytes() int {
	sum := 0
	for _, k := range n.books {
		if k.drift != nil {
			sum += 2 * len(k.Codes)
		}
	}
	return sum
}

// takeCodes takes over what appendCodes has written.
func (n *Net) takeCodes(b []byte) error {
	for _, k := range n.books {
		if k.drift == nil {
			continue
		}
		for i := range k.Codes {
			c := binary.LittleEndian.Uint16(b[2*i:])
			if int(c) >= k.K {
				return fmt.Errorf("train: state: codebook %q: code %d of %d codewords", k.Name, c, k.K)
			}
			k.Codes[i] = c
		}
		b = b[2*len(k.Codes):]
		if n.meanWords {
			k.meanShares()
		}
	}
	return nil
}
