package data

import (
	"context"
	"fmt"
	"sync"

	"lutra/internal/safe"
)

// BatchOptions say what a training batch is made of.
type BatchOptions struct {
	Size          int // samples of a batch; the last ones of an epoch that fill no batch are left out
	Width, Height int // of the network's input, in pixels
	Augment       Augment
	Seed          uint64 // of the order and of the augmentation
	Threads       int    // that decode and augment, at least 1
}

// Batch is a batch of samples. Pixels lie as the preprocessing's layout says.
type Batch struct {
	X       []float32
	Labels  []int     // Unlabelled where there is none
	Targets []float32 // values to learn, where they are numbers; else nil
	Indices []int     // in the set
}

// Batches makes the training batches of a set: in an order shuffled anew in
// every epoch, augmented, prepared in the background. They depend on the seed,
// the epoch and the number of the batch, not on threads or on what came before.
type Batches struct {
	set    *Set
	p      Preprocess // its values; geometry is the augmentation's
	values Preprocess
	o      BatchOptions
	sample int // values of a sample
}

// Batches checks the options. A set smaller than a batch is an error.
func (s *Set) Batches(p Preprocess, o BatchOptions) (*Batches, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if o.Size < 1 || o.Size > len(s.samples) {
		return nil, &safe.FormatError{File: s.name, Field: "batch", Expected: fmt.Sprintf("1 to %d, the number of images", len(s.samples)), Found: fmt.Sprint(o.Size)}
	}
	values := p
	values.Resize, values.Crop = 0, 0
	return &Batches{set: s, p: p, values: values, o: o, sample: p.Channels() * o.Width * o.Height}, nil
}

// PerEpoch is the number of batches of an epoch.
func (b *Batches) PerEpoch() int { return b.set.Len() / b.o.Size }

// prefetch is the number of batches prepared ahead.
const prefetch = 3

// Epoch calls visit with the batches of an epoch in order, from batch number
// first on. A batch is only valid during the call. An error of visit ends it.
func (b *Batches) Epoch(ctx context.Context, epoch, first int, visit func(number int, batch *Batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	order := shuffled(b.set.Len(), b.o.Seed, epoch)
	type result struct {
		batch *Batch
		err   error
	}
	ready := make(chan result, prefetch)
	free := make(chan *Batch, prefetch+2)
	for range cap(free) {
		free <- &Batch{X: make([]float32, b.o.Size*b.sample), Labels: make([]int, b.o.Size)}
	}
	var loader sync.WaitGroup
	defer loader.Wait()
	defer cancel()
	loader.Go(func() {
		defer close(ready)
		for n := first; n < b.PerEpoch(); n++ {
			var batch *Batch
			select {
			case batch = <-free:
			case <-ctx.Done():
				return
			}
			batch.Indices = order[n*b.o.Size:][:b.o.Size]
			err := b.fill(ctx, batch, epoch)
			select {
			case ready <- result{batch, err}:
			case <-ctx.Done():
				return
			}
		}
	})
	for n := first; n < b.PerEpoch(); n++ {
		r, ok := <-ready
		if !ok {
			return ctx.Err()
		}
		if r.err != nil {
			return r.err
		}
		if err := visit(n, r.batch); err != nil {
			return err
		}
		free <- r.batch
	}
	return ctx.Err()
}

// fill makes the samples of a batch, cut among the threads.
func (b *Batches) fill(ctx context.Context, batch *Batch, epoch int) error {
	threads := min(max(1, b.o.Threads), b.o.Size)
	errs := make([]error, threads)
	var group sync.WaitGroup
	for t := range threads {
		group.Go(func() {
			for k := t; k < b.o.Size && errs[t] == nil && ctx.Err() == nil; k += threads {
				i := batch.Indices[k]
				batch.Labels[k] = b.set.Label(i)
				errs[t] = b.one(i, epoch, batch.X[k*b.sample:][:b.sample])
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// one makes sample i of an epoch.
func (b *Batches) one(i, epoch int, dst []float32) error {
	m, err := b.set.Image(i)
	if err != nil {
		return err
	}
	if m, err = b.o.Augment.Apply(m, b.p, b.o.Width, b.o.Height, b.o.Seed, epoch, i); err == nil {
		if m.W != b.o.Width || m.H != b.o.Height {
			err = fmt.Errorf("%dx%d pixels: expected %dx%d, the network's input (set --resize and --crop)", m.W, m.H, b.o.Width, b.o.Height)
		} else {
			err = b.values.Apply(m, dst)
		}
	}
	if err != nil {
		return &safe.FormatError{File: b.set.name, Where: b.set.Name(i), Err: err}
	}
	return nil
}
