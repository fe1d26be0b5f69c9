package lut

import (
	"context"
	"fmt"
	"sync"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Batch runs batches of samples, several at a time. It belongs to one goroutine.
type Batch struct {
	net      *Network
	sessions []*Session
}

// NewBatch makes a Batch of that many threads, at least 1.
func (p *Program) NewBatch(threads int) *Batch {
	b := &Batch{net: p.net}
	for range max(threads, 1) {
		b.sessions = append(b.sessions, p.NewSession())
	}
	return b
}

// Run computes the numbers of the graph's outputs, by name, for float32 inputs
// by name: [N, ...] with the same N everywhere. It stops early, with the error
// of ctx, when ctx ends.
func (b *Batch) Run(ctx context.Context, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	n, err := b.samples(in)
	if err != nil {
		return nil, err
	}
	rows := make([][][]float32, len(b.net.Outputs)) // by output and sample
	for i := range rows {
		rows[i] = make([][]float32, n)
	}
	var wg sync.WaitGroup
	for t, s := range b.sessions {
		wg.Go(func() {
			for i := t; i < n && ctx.Err() == nil; i += len(b.sessions) {
				for name, x := range in {
					each := x.Elems() / n
					s.Quantize(name, x.Float32s()[i*each:][:each])
				}
				s.Run()
				for j := range rows {
					rows[j][i] = s.Output(j, nil)
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make(map[string]*tensor.Tensor, len(rows))
	for j, o := range b.net.Outputs {
		y := tensor.New(tensor.Float32, append([]int{n}, o.Shape...)...)
		for i, row := range rows[j] {
			copy(y.Float32s()[i*len(row):], row)
		}
		out[o.Name] = y
	}
	return out, nil
}

// samples checks the inputs, and returns their number of samples.
func (b *Batch) samples(in map[string]*tensor.Tensor) (n int, err error) {
	for _, i := range b.net.Inputs {
		x, t := in[i.Name], &b.net.Tensors[i.Tensor]
		where := fmt.Sprintf("input %q", i.Name)
		if x == nil {
			return 0, &safe.FormatError{Where: where, Expected: "a tensor", Found: "none"}
		}
		if x.DType != tensor.Float32 || len(x.Shape) < 1 || x.Elems() != x.Shape[0]*t.Elems() || n > 0 && x.Shape[0] != n {
			return 0, &safe.FormatError{Where: where, Expected: fmt.Sprintf("float32 [N, %d, %d, %d]", t.C, t.H, t.W), Found: fmt.Sprintf("%v %v", x.DType, x.Shape)}
		}
		if n = x.Shape[0]; n == 0 {
			return 0, &safe.FormatError{Where: where, Expected: "at least one sample", Found: "none"}
		}
	}
	return n, nil
}
