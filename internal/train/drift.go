package train

import (
	"encoding/binary"
	"fmt"
	"slices"

	"lutra/internal/tensor"
)

// drift makes the parameter by which the blocks of k drift away from their
// codewords: what every weight would be if it were free, less the codeword that
// stands for it. The forward pass does not read it, its gradient is that of the
// weight (a straight-through estimator, Bengio, Leonard and Courville 2013), and
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

// gatherDrift makes the gradient of the weight that of the drift. Blocks are in
// the order of the codes.
func (k *book) gatherDrift() {
	next := 0
	k.blocks(func(_, at, step int) {
		dst := k.drift.Grad[next:][:k.D]
		for i := range dst {
			dst[i] = k.weight.grad[at+i*step]
		}
		next += k.D
	})
}

// Reassign gives every block of the codebooks with drift the codeword that is
// nearest to where it has drifted, and keeps the rest of the way as drift. It
// returns the number of codes that changed. The smaller code wins ties.
func (n *Net) Reassign() int {
	n.crew.start()
	defer n.crew.stop()
	changed := 0
	for _, k := range n.books {
		if k.drift != nil {
			changed += k.reassign(n.crew)
			if n.meanWords {
				k.meanShares()
			}
		}
	}
	return changed
}

func (k *book) reassign(c *crew) int {
	planes, half := k.planes()
	blocks := len(k.Codes)
	pieces := max(1, blocks>>12)
	changed := make([]int, pieces)
	c.each(pieces, func(w *worker, u int) {
		from, to := part(blocks, pieces, u)
		x := w.room(0, (to-from)*k.D)
		k.drifted(x, from, 1)
		codes := make([]uint16, to-from)
		c.level.Nearest(codes, x, k.D, planes, half)
		for i, code := range codes {
			if code != k.Codes[from+i] {
				changed[u]++
				k.Codes[from+i] = code
			}
		}
		k.drifted(x, from, -1)
	})
	total := 0
	for _, v := range changed {
		total += v
	}
	return total
}

// drifted exchanges drift and place of the blocks from, from+1, ...: with sign 1
// it writes codeword + drift to x, with -1 it makes drift what is left of x.
func (k *book) drifted(x []float32, from, sign int) {
	for i := range len(x) / k.D {
		word := k.words[int(k.Codes[from+i])*k.D:][:k.D]
		drift, place := k.drift.Value[(from+i)*k.D:][:k.D], x[i*k.D:][:k.D]
		for j, v := range word {
			if sign > 0 {
				place[j] = v + drift[j]
			} else {
				drift[j] = place[j] - v
			}
		}
	}
}

// DriftTo makes the blocks of the codebook of that name stand where those of
// weight are, which has its shape in ONNX's order, every output scaled so that
// it is nearest to its codewords. It reports whether there is such a codebook
// with drift.
func (n *Net) DriftTo(name string, weight *tensor.Tensor) bool {
	for _, k := range n.books {
		if k.Name == name && k.drift != nil && weight.DType == tensor.Float32 && weight.Shape.Equal(k.weight.shape) {
			k.driftTo(weight.Float32s())
			return true
		}
	}
	return false
}

func (k *book) driftTo(weight []float32) {
	k.decode()
	cross, own := make([]float64, k.Outputs), make([]float64, k.Outputs)
	next := 0
	k.blocks(func(_, at, step int) {
		o := next % k.Outputs
		for i := range k.D {
			w, c := float64(weight[at+i*step]), float64(k.weight.data[at+i*step])
			cross[o] += w * c
			own[o] += w * w
		}
		next++
	})
	next = 0
	k.blocks(func(_, at, step int) {
		if o := next % k.Outputs; own[o] > 0 && cross[o] > 0 {
			for i := range k.D {
				k.drift.Value[next*k.D+i] = float32(float64(weight[at+i*step])*cross[o]/own[o]) - k.weight.data[at+i*step]
			}
		}
		next++
	})
}

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
