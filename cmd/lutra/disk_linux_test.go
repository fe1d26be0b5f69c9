//go:build amd64 || arm64

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// written are the commands whose outputs the tests below fill disks with.
func written() []product {
	return slices.DeleteFunc(products(), func(p product) bool { return !slices.Contains([]string{"compress", "train", "emit-c"}, p.name) })
}

// failed demands one line of error that says why, the old files and nothing else.
func (w *workshop) failed(p product, want map[string]string, code int, errs, why, what string) {
	w.Helper()
	if code != exitFailed || strings.Count("\n"+errs, "\nlutra: ") != 1 || !strings.Contains(errs, why) {
		w.Errorf("%s: expected one line that says %q, found exit code %d: %s", what, why, code, errs)
	}
	w.good(p, want, what)
	for name := range w.files() {
		if strings.HasSuffix(name, ".tmp") {
			w.Errorf("%s: left %s", what, name)
		}
	}
}

// TestDiskFills writes to file systems of various sizes, which are too small,
// and where the outputs fit, then goes on with more room; and to one that is
// read-only. It mounts them, which needs root.
func TestDiskFills(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts a file system")
	}
	for _, p := range written() {
		t.Run(p.name, func(t *testing.T) {
			w := newWorkshop(t)
			out := filepath.Join(w.root, "out")
			want, _ := w.undisturbed(p)
			w.clear(nil)
			full := 0
			for size := 4096; ; size += 8192 {
				if err := syscall.Mount("lutra", out, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
					t.Skipf("no file system can be mounted: %v", err)
				}
				code, errs := w.run(p.args)
				if code == exitOK {
					w.complete(p, want, "with enough room")
					w.check(syscall.Mount("lutra", out, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
					code, errs := w.run(p.args)
					w.failed(p, want, code, errs, "read-only file system", "read-only")
					w.complete(p, want, "read-only")
				} else {
					full++
					what := fmt.Sprintf("room for %d bytes", size)
					w.failed(p, want, code, errs, "no space left on device", what)
					w.check(syscall.Mount("lutra", out, "tmpfs", syscall.MS_REMOUNT, "size=64m"))
					w.ends(p, want, what)
				}
				w.check(syscall.Unmount(out, 0))
				if code == exitOK {
					break
				}
			}
			t.Logf("%d sizes were too small", full)
			if full == 0 {
				t.Error("no file system was too small")
			}
		})
	}
}

// TestFilesAreBounded bounds the size of files that a process may write, as a
// quota does: writes fail in the middle of a file.
func TestFilesAreBounded(t *testing.T) {
	w := newWorkshop(t)
	for _, p := range written() {
		want, _ := w.undisturbed(p)
		for blocks := 1; ; blocks *= 2 {
			w.clear(slices.Collect(maps.Keys(want)))
			cmd := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, blocks), w.tool}, p.args...)...)
			cmd.Dir = w.root
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if cmd.Run() == nil {
				w.complete(p, want, p.name)
				break
			}
			what := fmt.Sprintf("%s: %d blocks", p.name, blocks)
			w.failed(p, want, cmd.ProcessState.ExitCode(), stderr.String(), "file too large", what)
			w.ends(p, want, what)
		}
	}
}

// TestTwoProcesses runs two commands on one output at once: the same, and such
// as write other bytes. Both succeed, or one says in one line why not; the file
// is one of theirs.
func TestTwoProcesses(t *testing.T) {
	w := newWorkshop(t)
	var ended [2]int
	for _, p := range written() {
		var wants []map[string]string
		var args [2][]string
		for i := range args {
			args[i] = append(slices.Clone(p.args), "--seed", fmt.Sprint(i+1))
			want, _ := w.undisturbed(product{p.name, args[i], p.exact})
			wants = append(wants, want)
		}
		rounds := 3
		if *full {
			rounds = 20
		}
		for round := range 2 * rounds {
			w.clear(nil)
			var wg sync.WaitGroup
			succeeded := make([]bool, 2)
			for i := range 2 {
				wg.Go(func() {
					code, errs := w.run(args[i*(round%2)])
					succeeded[i] = code == exitOK
					if code != exitOK && (code != exitFailed || strings.Count("\n"+errs, "\nlutra: ") != 1) {
						t.Errorf("%s: exit code %d: %s", p.name, code, errs)
					}
				})
			}
			wg.Wait()
			if !slices.Contains(succeeded, true) {
				t.Errorf("%s: both failed", p.name)
			}
			for _, ok := range succeeded {
				ended[map[bool]int{true: 1}[ok]]++
			}
			for name, text := range w.files() {
				exact := p.exact == nil && !strings.HasSuffix(name, ".html") || slices.Contains(p.exact, name)
				if exact && text != wants[0][name] && text != wants[1][name] || strings.HasSuffix(name, ".tmp") {
					t.Errorf("%s: %s is neither's", p.name, name)
				}
			}
		}
	}
	t.Logf("%d runs succeeded, %d failed", ended[1], ended[0])
}
