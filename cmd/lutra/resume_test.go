package main

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestKilledRunsResume kills commands at random moments, starts them again until
// they get through, and demands what an undisturbed run writes, without a trace
// of the killed ones. With -full every command is killed 200 times.
func TestKilledRunsResume(t *testing.T) {
	kills := 6
	if *full {
		kills = 200
	}
	for _, p := range products() {
		if !slices.Contains([]string{"compress", "train", "train tables", "tune"}, p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			want, whole := w.undisturbed(p)
			r := rand.New(rand.NewPCG(1, 2))
			killed, chains, within := 0, 0, 0
			for ; killed < kills; chains++ {
				w.clear(nil)
				start := time.Now()
				n, inside := w.killed(p, want, func(n int) time.Duration {
					return time.Duration(r.Float64() * float64(whole) * (1 + float64(n)/8))
				})
				killed, within = killed+n, within+inside
				if n == 0 { // the machine has less to do now
					whole = min(whole, time.Since(start))
				}
			}
			t.Logf("%d kills, %d of them while a file was written; %d runs of %v came to their end", killed, within, chains, whole.Round(time.Millisecond))
		})
	}
}

// killed kills p after delay(n), the nth time, until it gets through. It returns
// the kills, and those that left a temporary file.
func (w *workshop) killed(p product, want map[string]string, delay func(n int) time.Duration) (kills, inside int) {
	for {
		cmd := exec.Command(w.tool, w.again(p)...)
		cmd.Dir = w.root
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		w.check(cmd.Start())
		kill := time.AfterFunc(delay(kills), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		kill.Stop()
		if err == nil {
			w.complete(p, want, "after kills")
			return kills, inside
		}
		if cmd.ProcessState.Exited() {
			w.Fatalf("started again after %d kills: %s", kills, &stderr)
		}
		kills++
		w.good(p, want, "killed")
		for name := range w.files() {
			if strings.HasSuffix(name, ".tmp") {
				inside++
				break
			}
		}
	}
}
