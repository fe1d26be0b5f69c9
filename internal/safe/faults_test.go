package safe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// failing is the system's disk with a fault: operation number fault, counted
// from 1, fails, and so do all after it if the fault lasts. Room bounds the bytes
// that can be written.
type failing struct {
	system
	fault int
	lasts bool
	room  int
	done  []string // operations so far
}

var errDisk = fmt.Errorf("the disk: %w", syscall.EIO)

func (d *failing) next(op string) error {
	d.done = append(d.done, op)
	if n := len(d.done); n == d.fault || d.lasts && d.fault > 0 && n > d.fault {
		return &fs.PathError{Op: op, Path: "somewhere", Err: errDisk}
	}
	return nil
}

func (d *failing) create(path string) (handle, error) {
	if err := d.next("create"); err != nil {
		return nil, err
	}
	h, err := d.system.create(path)
	return &failingHandle{h, d}, err
}

func (d *failing) rename(from, to string) error {
	if err := d.next("rename"); err != nil {
		return err
	}
	return d.system.rename(from, to)
}

func (d *failing) remove(path string) error {
	if err := d.next("remove"); err != nil {
		return err
	}
	return d.system.remove(path)
}

func (d *failing) syncFolder(path string) error {
	if err := d.next("sync folder"); err != nil {
		return err
	}
	return d.system.syncFolder(path)
}

type failingHandle struct {
	handle
	disk *failing
}

func (h *failingHandle) Write(b []byte) (int, error) {
	if err := h.disk.next("write"); err != nil {
		return 0, err
	}
	if h.disk.room < len(b) {
		n, _ := h.handle.Write(b[:h.disk.room])
		h.disk.room = 0
		return n, &fs.PathError{Op: "write", Path: "somewhere", Err: syscall.ENOSPC}
	}
	h.disk.room -= len(b)
	return h.handle.Write(b)
}

func (h *failingHandle) Chmod(m fs.FileMode) error {
	if err := h.disk.next("chmod"); err != nil {
		return err
	}
	return h.handle.Chmod(m)
}

func (h *failingHandle) Sync() error {
	if err := h.disk.next("sync"); err != nil {
		return err
	}
	return h.handle.Sync()
}

func (h *failingHandle) Close() error {
	if err := h.disk.next("close"); err != nil {
		h.handle.Close()
		return err
	}
	return h.handle.Close()
}

const old = "old"

// pair writes two files that belong together through d.
func pair(d disk, paths []string, text string) error {
	return writeAll(d, paths, func(_ int, w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

// holds demands that every path has one of the texts, and returns those.
func holds(t *testing.T, paths []string, texts ...string) (found []string) {
	t.Helper()
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(texts, string(b)) {
			t.Fatalf("%s holds %.20q, %d bytes", filepath.Base(path), b, len(b))
		}
		found = append(found, string(b))
	}
	return found
}

// leftovers are the temporary files in a folder.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ".*.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestEveryFaultIsSurvived fails every operation of writing two files, once and
// for good: there is one error, it names the file, every file is the old or the
// new one, no temporary file is left unless removing it failed, and the next
// attempt succeeds and leaves none.
func TestEveryFaultIsSurvived(t *testing.T) {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	text := strings.Repeat("new", 400_000) // more than the buffer
	var all failing
	all.room = 1 << 30
	if err := pair(&all, paths, old); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, lasts := range []bool{false, true} {
		for n := 1; ; n++ {
			if err := pair(system{}, paths, old); err != nil {
				t.Fatal(err)
			}
			d := &failing{fault: n, lasts: lasts, room: 1 << 30}
			err := pair(d, paths, text)
			if len(d.done) < n {
				break
			}
			op := d.done[n-1]
			seen[op] = true
			found := holds(t, paths, old, text)
			renamed := slices.Contains(d.done[:n-1], "rename") || op == "sync folder" || op == "close"
			if !renamed && slices.Contains(found, text) {
				t.Errorf("operation %d, %s: a file is the new one before all are written", n, op)
			}
			if op == "close" && renamesOpen {
				if err != nil { // synced before
					t.Errorf("operation %d, close: %v", n, err)
				}
			} else if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), ".tmp") {
				t.Errorf("operation %d, %s: error %v", n, op, err)
			}
			if left := leftovers(t, dir); len(left) > 0 && !(lasts && slices.Contains(d.done[n-1:], "remove")) {
				t.Errorf("operation %d, %s: left %v", n, op, left)
			}
		}
	}
	for _, op := range []string{"create", "chmod", "write", "sync", "rename", "sync folder", "close"} {
		if !seen[op] {
			t.Errorf("no fault in %s", op)
		}
	}
	if err := pair(system{}, paths, text); err != nil || len(leftovers(t, dir)) > 0 {
		t.Errorf("after all that: %v, %v left", err, leftovers(t, dir))
	}
}

// TestFullDisk has room for fewer bytes than the files need.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	if err := pair(system{}, paths, old); err != nil {
		t.Fatal(err)
	}
	for room := range 8 {
		if err := pair(&failing{room: room}, paths, "text"); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("room for %d bytes: error %v", room, err)
		}
		holds(t, paths, old)
		if left := leftovers(t, dir); len(left) > 0 {
			t.Errorf("room for %d bytes: left %v", room, left)
		}
	}
}

// TestManyWriteOneFile writes one path from many goroutines, whose locks are as
// those of processes: every moment it holds one of the texts.
func TestManyWriteOneFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	texts := []string{old}
	for i := range 8 {
		texts = append(texts, strings.Repeat(string(rune('a'+i)), 1<<16+i))
	}
	if err := pair(system{}, []string{path}, old); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, text := range texts[1:] {
		wg.Go(func() {
			for range 8 {
				if err := pair(system{}, []string{path}, text); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if b, err := ReadFile(path, 1<<20); err != nil || !slices.Contains(texts, string(b)) {
			t.Fatalf("a mixture of %d bytes, %v", len(b), err)
		}
	}
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestAbandonedAreRemoved writes and removes beside what killed processes left
// and what a living one is writing.
func TestAbandonedAreRemoved(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("no locks tell who is alive")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	leave := func() {
		for _, slot := range []int{0, 3, slots - 1} {
			if err := os.WriteFile(temporary(path, slot), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	leave()
	living, err := create(system{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer living.discard()
	leave2 := temporary(path, 5)
	if err := os.WriteFile(leave2, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pair(system{}, []string{path}, "text"); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, dir); !slices.Equal(left, []string{living.temporary}) {
		t.Errorf("left %v, want that of the living one, %s", left, living.temporary)
	}
	if err := living.discard(); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := Remove(path); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// TestTooManyWriters fills all slots.
func TestTooManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for range slots {
		f, err := create(system{}, path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.discard()
	}
	if _, err := create(system{}, path); err == nil || !strings.Contains(err.Error(), "at once") {
		t.Errorf("error %v", err)
	}
}

// TestLinksAndPermissions writes behind links, and keeps permissions.
func TestLinksAndPermissions(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("permissions of Unix")
	}
	dir := t.TempDir()
	file, link, dangling := filepath.Join(dir, "v1"), filepath.Join(dir, "latest"), filepath.Join(dir, "lost")
	if err := os.WriteFile(file, []byte(old), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(file, 0o640), os.Symlink("v1", link), os.Symlink("nowhere", dangling)); err != nil {
		t.Fatal(err)
	}
	if err := pair(system{}, []string{link}, "new"); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "v1" {
		t.Errorf("the link is now %q, %v", to, err)
	}
	holds(t, []string{file}, "new")
	if st, _ := os.Stat(file); st.Mode().Perm() != 0o640 {
		t.Errorf("permissions %v", st.Mode())
	}
	if err := pair(system{}, []string{dangling}, "new"); err == nil || !strings.Contains(err.Error(), "link to nothing") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("made what the link names")
	}
	f, err := os.OpenFile(filepath.Join(dir, "umask"), os.O_CREATE, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	fresh := filepath.Join(dir, "fresh")
	if err := pair(system{}, []string{fresh}, "new"); err != nil {
		t.Fatal(err)
	}
	a, _ := os.Stat(f.Name())
	b, _ := os.Stat(fresh)
	if a.Mode() != b.Mode() {
		t.Errorf("a new file has %v, others get %v", b.Mode(), a.Mode())
	}
}
