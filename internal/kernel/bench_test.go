package kernel

import (
	"testing"
	"time"
)

// benchmark runs f, which does work units of unit, and reports the rate of the
// fastest batch in billions a second: what the machine can do when nothing
// else runs on it. The ns/op of the testing package includes other load.
func benchmark(b *testing.B, work int, unit string, f func()) {
	const batch = 20 * time.Microsecond
	calls := 1
	for {
		start := time.Now()
		for range calls {
			f()
		}
		if time.Since(start) > batch {
			break
		}
		calls *= 2
	}
	best := time.Duration(1 << 62)
	for b.Loop() {
		start := time.Now()
		for range calls {
			f()
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(work*calls)/float64(best.Nanoseconds()), "G"+unit+"/s")
	b.ReportMetric(0, "ns/op")
}
