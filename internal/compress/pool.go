package compress

import (
	"context"
	"sync"
	"sync/atomic"
)

// each calls f(i) for i in 0...n-1 on up to threads goroutines, in any order,
// and returns when all calls have ended: nil, the error of the lowest i that
// failed, or ctx's. Results that must not depend on the number of threads go
// into slots indexed by i.
func each(ctx context.Context, threads, n int, f func(i int) error) error {
	threads = max(1, min(threads, n))
	var (
		next, failed atomic.Int64
		mu           sync.Mutex
		first        error
		wg           sync.WaitGroup
	)
	failed.Store(int64(n))
	work := func() {
		for {
			i := next.Add(1) - 1
			if i >= failed.Load() || ctx.Err() != nil {
				return
			}
			if err := f(int(i)); err != nil {
				mu.Lock()
				if i < failed.Load() {
					failed.Store(i)
					first = err
				}
				mu.Unlock()
			}
		}
	}
	for range threads - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if first != nil {
		return first
	}
	return ctx.Err()
}
