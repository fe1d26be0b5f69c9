package train

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"lutra/internal/kernel"
)

// worker is one thread and its private memory.
type worker struct {
	number    int // from 0
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

// crew runs units of work on a fixed number of threads. A thread begins with its
// own part of the units, the same part of every job, which is the same images:
// what it reads is then likely to be what it wrote, in its cache. Between start and stop
// all but the first wait for work of their own accord: waking them for every
// step of a pass would cost as much as a small step.
type crew struct {
	level   kernel.Level
	workers []*worker
	common  []float32
	ctx     context.Context // from start on; units are left out when it is done

	latest   atomic.Pointer[job] // nil: stop
	mu       sync.Mutex
	wake     *sync.Cond // a new job, or the end of one
	sleepers atomic.Int32
	others   sync.WaitGroup
}

// job is some units of work, cut into as many parts as there are threads.
type job struct {
	f     func(w *worker, unit int)
	units int64
	parts []share
	done  atomic.Int64
}

// share is the part of a job before unit end whose units before next are taken.
// It fills a cache line.
type share struct {
	next atomic.Int64
	end  int64
	_    [48]byte
}

func newCrew(level kernel.Level, threads int) *crew {
	c := &crew{level: level}
	c.wake = sync.NewCond(&c.mu)
	for i := range threads {
		c.workers = append(c.workers, &worker{number: i})
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

// start calls the other threads up; stop sends them home.
func (c *crew) start(ctx context.Context) {
	c.ctx = ctx
	idle := new(job)
	c.latest.Store(idle)
	for _, w := range c.workers[1:] {
		c.others.Go(func() {
			for last := idle; ; {
				c.await(func() bool { return c.latest.Load() != last })
				if last = c.latest.Load(); last == nil {
					return
				}
				c.work(last, w)
			}
		})
	}
}

func (c *crew) stop() {
	c.post(nil)
	c.others.Wait()
}

// each calls f for every unit, 0...units-1. Units must not depend on each
// other, nor their results on the worker. When the context is done it calls it
// no more: what follows computes on whatever is there, and its end is an error.
func (c *crew) each(units int, f func(w *worker, unit int)) {
	if len(c.workers) == 1 || units == 1 {
		for u := range units {
			if c.ctx.Err() == nil {
				f(c.workers[0], u)
			}
		}
		return
	}
	j := &job{f: f, units: int64(units), parts: make([]share, len(c.workers))}
	for i := range j.parts {
		from, to := part(units, len(j.parts), i)
		j.parts[i].next.Store(int64(from))
		j.parts[i].end = int64(to)
	}
	c.post(j)
	c.work(j, c.workers[0])
	c.await(func() bool { return j.done.Load() == j.units })
}

func (c *crew) post(j *job) {
	c.latest.Store(j)
	c.rouse()
}

// work does units of j until all are taken: first those of the part of w, then
// those that the others have left.
func (c *crew) work(j *job, w *worker) {
	for i := range j.parts {
		p := &j.parts[(w.number+i)%len(j.parts)]
		for u := p.next.Add(1) - 1; u < p.end; u = p.next.Add(1) - 1 {
			if c.ctx.Err() == nil {
				j.f(w, int(u))
			}
			if j.done.Add(1) == j.units {
				c.rouse()
			}
		}
	}
}

// rouse wakes all that sleep in await.
func (c *crew) rouse() {
	if c.sleepers.Load() > 0 {
		c.mu.Lock()
		c.wake.Broadcast()
		c.mu.Unlock()
	}
}

// Waiting spins, since most steps end within microseconds of each other, then
// yields the processor, then sleeps.
const (
	spins  = 2000
	yields = 50
)

func (c *crew) await(over func() bool) {
	for i := range spins + yields {
		if over() {
			return
		}
		if i >= spins {
			runtime.Gosched()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sleepers.Add(1)
	defer c.sleepers.Add(-1)
	for !over() {
		c.wake.Wait()
	}
}

// parts is the number of pieces that work over n elements is cut into: a
// function of n alone, so that sums of pieces do not depend on the threads.
func parts(n int) int { return max(1, min(16, n>>12)) }

// strips is the number of pieces for work whose results do not depend on the
// cut: each stays in cache.
func strips(n int) int { return max(1, n>>14) }

// part is the range of piece i of n elements cut into pieces.
func part(n, pieces, i int) (from, to int) { return n * i / pieces, n * (i + 1) / pieces }
