package data

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"lutra/internal/safe"
)

// LoadOptions say how Load reads a set.
type LoadOptions struct {
	Memory   int64 // bytes of pixels to keep; the other images are decoded again when asked for
	SkipBad  bool  // leave unreadable images out instead of failing
	Threads  int
	Progress func(done, total int) // may be nil; called from one goroutine at a time
}

// Load decodes every image once, so that a bad one is found before hours of
// work (unless the source was decoded when it was opened), and keeps the pixels of as many as fit. It returns the set without the
// unreadable images, and their errors, which are empty unless o.SkipBad.
func (s *Set) Load(ctx context.Context, o LoadOptions) (*Set, []error, error) {
	if s.inPlace {
		return s, nil, nil
	}
	kept := make([]*Image, len(s.samples))
	errs := make([]error, len(s.samples))
	var next, done, bytes atomic.Int64
	var failed atomic.Bool
	var mu sync.Mutex
	var group sync.WaitGroup
	for range max(1, o.Threads) {
		group.Go(func() {
			for !failed.Load() && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(s.samples) {
					return
				}
				m, err := s.Image(i)
				if err != nil {
					errs[i] = err
					failed.Store(!o.SkipBad)
					continue
				}
				if bytes.Add(int64(len(m.Pix))) <= o.Memory {
					kept[i] = m
				}
				if n := done.Add(1); o.Progress != nil && n%64 == 0 {
					mu.Lock()
					o.Progress(int(n), len(s.samples))
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	return s.loaded(kept, errs, o.SkipBad)
}

// loaded is the set of the images without an error.
func (s *Set) loaded(kept []*Image, errs []error, skip bool) (*Set, []error, error) {
	t := *s
	t.samples = nil
	var bad []error
	for i, x := range s.samples {
		switch {
		case errs[i] == nil:
			x.key = i
			t.samples = append(t.samples, x)
		case skip:
			bad = append(bad, errs[i])
		default:
			return nil, nil, fmt.Errorf("unreadable image: %w", errs[i])
		}
	}
	if len(t.samples) == 0 {
		return nil, nil, &safe.FormatError{File: s.name, Expected: "readable images", Found: "none", Err: bad[0]}
	}
	t.load = func(i int) (*Image, error) {
		if kept[i] != nil {
			return kept[i], nil
		}
		return s.Image(i)
	}
	return &t, slices.Clip(bad), nil
}

// Divide splits a set without parts of its own: the share test of the images,
// drawn by seed, is held out.
func (s *Set) Divide(test float64, seed uint64) (training, held *Set, err error) {
	n := int(float64(len(s.samples)) * test)
	if n < 1 || n >= len(s.samples) {
		return nil, nil, &safe.FormatError{File: s.name, Expected: "enough images to hold some out for the test", Found: fmt.Sprint(len(s.samples))}
	}
	held = s.Subset(n, seed)
	return s.without(held), held, nil
}

// HoldOut is Divide with other images held out: those that Subset, with the
// same seed, draws last. A network that was compressed with fewer images of the
// set has not seen them.
func (s *Set) HoldOut(test float64, seed uint64) (training, held *Set, err error) {
	n := int(float64(len(s.samples)) * (1 - test))
	if n < 1 || n >= len(s.samples) {
		return nil, nil, &safe.FormatError{File: s.name, Expected: "enough images to hold some out", Found: fmt.Sprint(len(s.samples))}
	}
	training = s.Subset(n, seed)
	return training, s.without(training), nil
}

// without is s without the images of its subset t.
func (s *Set) without(t *Set) *Set {
	out := map[int]bool{}
	for _, x := range t.samples {
		out[x.key] = true
	}
	rest := *s
	rest.samples = slices.DeleteFunc(slices.Clone(s.samples), func(x sample) bool { return out[x.key] })
	return &rest
}

// Join is the images of all sets, in their order. Classes are those of the
// first set, which the labels of the others must mean, too.
func Join(sets ...*Set) *Set {
	if len(sets) == 1 {
		return sets[0]
	}
	type place struct {
		set *Set
		key int
	}
	all := &Set{classes: sets[0].classes, inPlace: true}
	var places []place
	for i, s := range sets {
		if i > 0 {
			all.name += "+"
		}
		all.name += s.name
		all.inPlace = all.inPlace && s.inPlace
		for _, x := range s.samples {
			places = append(places, place{s, x.key})
			x.key = len(places) - 1
			if x.name[0] == '#' {
				x.name = s.name + x.name
			}
			all.samples = append(all.samples, x)
		}
	}
	all.load = func(key int) (*Image, error) { return places[key].set.load(places[key].key) }
	return all
}
