package engine

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// mark counts the units of a stage that are done, and notes when the last one
// was, if steps are timed. Marks of neighbouring stages lie on different cache
// lines.
type mark struct {
	done atomic.Int32
	end  atomic.Int64 // nanoseconds since the run began
	_    [48]byte
}

// share counts the units of a thread's share of a stage that are taken.
type share struct {
	taken atomic.Int32
	_     [60]byte
}

// crew is the threads of one run. All of them go through the stages of the
// plan in order: each takes units of the stage until none is left, then waits
// until all are done. A thread begins with its own share of the units, the same
// part of every stage: what it reads is then likely to be in its cache, be it
// written by itself in the stage before or read in the run before. Nobody hands
// out work, so a stage costs two atomic additions per unit. Whoever sees the context end stops all: while anybody
// waits, somebody is at work and looks at the context next.
type crew struct {
	ctx    context.Context
	stages []stage
	marks  []mark
	shares []share     // per stage and thread
	all    int         // threads
	start  time.Time   // zero if steps are not timed
	stop   atomic.Bool // cancelled or failed: leave at the next unit

	mu       sync.Mutex
	wake     *sync.Cond
	sleepers atomic.Int32
	err      error
}

// execute runs the stages of p on the threads of s, which end with the run.
func (s *Session) execute(ctx context.Context, p *Plan) error {
	if cap(s.marks) < len(p.stages) {
		s.marks = make([]mark, len(p.stages))
	}
	s.marks = s.marks[:len(p.stages)]
	for i := range s.marks {
		s.marks[i].done.Store(0)
		s.marks[i].end.Store(0)
	}
	threads := s.threads
	if s.poison { // the leader overwrites buffers between steps
		threads = threads[:1]
	}
	c := &crew{ctx: ctx, stages: p.stages, marks: s.marks, shares: s.newShares(len(threads) * len(p.stages)), all: len(threads)}
	if s.timed {
		c.start = time.Now()
	}
	c.wake = sync.NewCond(&c.mu)
	var others sync.WaitGroup
	for n, t := range threads[1:] {
		others.Go(func() {
			for i := range c.stages {
				if !c.work(t, n+1, i) {
					return
				}
			}
		})
	}
	s.lead(c, p)
	others.Wait()
	s.profile = c.times(p)
	return c.err
}

// times is how long each step took, from the end of the one before; nil if they
// are not timed. Who ends a unit knows the time: a thread that waits may sleep
// through several steps.
func (c *crew) times(p *Plan) []time.Duration {
	if c.start.IsZero() {
		return nil
	}
	times := make([]time.Duration, len(p.steps))
	at, before := 0, time.Duration(0)
	for i, step := range p.steps {
		if at += len(step.stages); at > 0 {
			end := max(before, time.Duration(c.marks[at-1].end.Load())) // a stage without units ends with the one before
			times[i], before = end-before, end
		}
	}
	return times
}

// lead is the part of the first thread, which also overwrites dead buffers.
func (s *Session) lead(c *crew, p *Plan) {
	at := 0
	for _, step := range p.steps {
		for range step.stages {
			if !c.work(s.threads[0], 0, at) {
				return
			}
			at++
		}
		if s.poison {
			for _, b := range step.dies {
				fillNaN(s.data[b])
			}
		}
	}
}

// newShares are n shares of which nothing is taken.
func (s *Session) newShares(n int) []share {
	if cap(s.shares) < n {
		s.shares = make([]share, n)
	}
	s.shares = s.shares[:n]
	for i := range s.shares {
		s.shares[i].taken.Store(0)
	}
	return s.shares
}

// take is a unit of stage i for thread n that nobody has taken, of its own
// share if there is one.
func (c *crew) take(n, i int) (unit int, ok bool) {
	units, shares := c.stages[i].units, c.shares[i*c.all:][:c.all]
	for k := range c.all {
		of := (n + k) % c.all
		from, to := of*units/c.all, (of+1)*units/c.all
		if taken := &shares[of].taken; int(taken.Load()) < to-from {
			if unit = from + int(taken.Add(1)) - 1; unit < to {
				return unit, true
			}
		}
	}
	return 0, false
}

// work does units of stage i as thread n until all are taken and waits until
// all are done. It reports whether to go on.
func (c *crew) work(t *thread, n, i int) bool {
	st, m := &c.stages[i], &c.marks[i]
	units := int32(st.units)
	for {
		if c.stop.Load() {
			return false
		}
		if err := c.ctx.Err(); err != nil {
			c.fail(err)
			return false
		}
		u, ok := c.take(n, i)
		if !ok {
			break
		}
		if err := st.run(t, u); err != nil {
			c.fail(err)
			return false
		}
		if !c.start.IsZero() {
			m.ended(time.Since(c.start))
		}
		if m.done.Add(1) == units && c.sleepers.Load() > 0 {
			c.mu.Lock()
			c.wake.Broadcast()
			c.mu.Unlock()
		}
	}
	return c.await(m, units)
}

// ended notes that a unit was done at t: before it counts as done, so that no
// time of a later stage is earlier.
func (m *mark) ended(t time.Duration) {
	for {
		end := m.end.Load()
		if int64(t) <= end || m.end.CompareAndSwap(end, int64(t)) {
			return
		}
	}
}

// Waiting spins, since most stages end within microseconds of each other, then
// yields the processor, then sleeps.
const (
	spins  = 30000
	yields = 50
)

func (c *crew) await(m *mark, units int32) bool {
	for i := range spins + yields {
		if m.done.Load() >= units {
			return true
		}
		if c.stop.Load() {
			return false
		}
		if i >= spins {
			runtime.Gosched()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sleepers.Add(1)
	defer c.sleepers.Add(-1)
	for m.done.Load() < units && !c.stop.Load() {
		c.wake.Wait()
	}
	return !c.stop.Load()
}

// fail stops the crew with err, unless it has failed before.
func (c *crew) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.stop.Store(true)
	c.wake.Broadcast()
	c.mu.Unlock()
}
