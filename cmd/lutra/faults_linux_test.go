//go:build amd64 || arm64

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// fault is a way in which operations fail.
type fault struct {
	name   string
	decide func(at int) func(n int, op operation) verdict
}

var faults = []fault{
	{"killed", func(at int) func(int, operation) verdict {
		return func(n int, _ operation) verdict {
			if n == at {
				return kill
			}
			return goOn
		}
	}},
	{"fails", func(at int) func(int, operation) verdict {
		return func(n int, _ operation) verdict {
			if n == at {
				return verdict(syscall.EIO)
			}
			return goOn
		}
	}},
	{"full from there on", func(at int) func(int, operation) verdict {
		return func(n int, op operation) verdict {
			if n >= at && slices.Contains([]string{"create", "mkdir", "write", "sync"}, op.call) {
				return verdict(syscall.ENOSPC)
			}
			return goOn
		}
	}},
}

// operations runs p and lists its operations on files.
func (w *workshop) operations(p product, want map[string]string) (ops []operation) {
	w.Helper()
	w.clear(slices.Collect(maps.Keys(want)))
	code, errs := supervised(w.T, w.root, append([]string{w.tool}, p.args...), func(_ int, op operation) verdict {
		ops = append(ops, op)
		return goOn
	})
	if code != exitOK {
		w.Fatalf("supervised: exit code %d: %s", code, errs)
	}
	w.complete(p, want, "supervised")
	return ops
}

// TestEveryFault disturbs commands at their operations on files: at some of them,
// with -full at every one that writes and some that read. Whatever happens the
// files are the old or the new ones, errors are one line, and the command started
// again writes what an undisturbed one does and leaves nothing behind.
func TestEveryFault(t *testing.T) {
	for _, p := range products() {
		if !*full && !slices.Contains([]string{"compress", "tune", "emit-c"}, p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			want, _ := w.undisturbed(p)
			ops := w.operations(p, want)
			writes, seen, ended := 0, map[string]int{}, map[string]int{}
			for i, op := range ops {
				seen[op.call]++
				if op.changes() {
					writes++
				}
				if !chosen(i, op, seen[op.call], len(ops)) {
					continue
				}
				for _, f := range faults {
					ended[fmt.Sprintf("%s: exit code %d", f.name, w.disturb(p, want, f, i+1, op))]++
				}
			}
			t.Logf("%d operations, %d of them write: %v; runs: %v", len(ops), writes, seen, ended)
		})
	}
}

// chosen says which operations are disturbed: number i, the nth of its kind.
func chosen(i int, op operation, nth, all int) bool {
	switch {
	case *full && op.changes():
		return true
	case *full:
		return nth <= 2 || i%25 == 0
	}
	return nth == 1 && slices.Contains([]string{"create", "write", "rename", "remove"}, op.call) || i == all-1
}

// disturb runs p with a fault at operation at, then without one. It returns the first exit code.
func (w *workshop) disturb(p product, want map[string]string, f fault, at int, op operation) int {
	what := fmt.Sprintf("%s: operation %d, %s of %s", f.name, at, op.call, op.path)
	w.clear(slices.Collect(maps.Keys(want)))
	code, errs := supervised(w.T, w.root, append([]string{w.tool}, p.args...), f.decide(at))
	w.good(p, want, what)
	switch code {
	case exitOK:
		for name, text := range w.files() {
			if _, ours := want[name]; !ours || text == oldText {
				w.Errorf("%s: exit code 0, but %s is left, or old", what, name)
			}
		}
	case exitFailed:
		if f.name == "killed" {
			w.Errorf("%s: not killed", what)
		}
		if n := strings.Count("\n"+errs, "\nlutra: "); n != 1 || strings.Contains(errs, "goroutine ") {
			w.Errorf("%s: expected one line of error, found %s", what, errs)
		}
		for name := range w.files() {
			if strings.HasSuffix(name, ".tmp") {
				w.Errorf("%s: left %s", what, name)
			}
		}
	default:
		if f.name != "killed" {
			w.Errorf("%s: exit code %d: %s", what, code, errs)
		}
	}
	if f.name == "killed" || at%3 == 0 {
		w.ends(p, want, what)
	}
	return code
}
