package train

import (
	"sync"
	"sync/atomic"

	"lutra/internal/kernel"
)

// worker is one thread and its private memory.
type worker struct {
	floats    [3][]float32
	tile      kernel.TileArgs
	outer     kernel.OuterArgs
	depth     kernel.DepthwiseArgs
	depthGrad kernel.DepthwiseGradArgs
	pool      kernel.PoolArgs
}

// room is n floats of slot i, with arbitrary contents; valid until the next
// call with that slot.
func (w *worker) room(i, n int) []float32 {
	if cap(w.floats[i]) < n {
		w.floats[i] = make([]float32, n)
	}
	return w.floats[i][:n]
}

// crew runs units of work on a fixed number of threads.
type crew struct {
	level   kernel.Level
	workers []*worker
	common  []float32
}

func newCrew(level kernel.Level, threads int) *crew {
	c := &crew{level: level}
	for range threads {
		c.workers = append(c.workers, new(worker))
	}
	return c
}

// shared is n floats with arbitrary contents that all units of the following
// calls of each may use, until the operation ends.
func (c *crew) shared(n int) []float32 {
	if cap(c.common) < n {
		c.common = make([]float32, n)
	}
	return c.common[:n]
}

// each calls f for every unit, 0...units-1. Units must not depend on each
// other, nor their results on the worker.
func (c *crew) each(units int, f func(w *worker, unit int)) {
	if len(c.workers) == 1 || units == 1 {
		for u := range units {
			f(c.workers[0], u)
		}
		return
	}
	var next atomic.Int64
	work := func(w *worker) {
		for u := next.Add(1) - 1; u < int64(units); u = next.Add(1) - 1 {
			f(w, int(u))
		}
	}
	var others sync.WaitGroup
	for _, w := range c.workers[1:] {
		others.Go(func() { work(w) })
	}
	work(c.workers[0])
	others.Wait()
}

// parts is the number of pieces that work over n elements is cut into: a
// function of n alone, so that sums of pieces do not depend on the threads.
func parts(n int) int { return max(1, min(16, n>>12)) }

// part is the range of piece i of n elements cut into pieces.
func part(n, pieces, i int) (from, to int) { return n * i / pieces, n * (i + 1) / pieces }
