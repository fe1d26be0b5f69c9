package kernel

import (
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// guarded is n floats that end at a page which faults when it is touched. The
// floats before them are NaN, so that a read of those shows.
func guarded(t testing.TB, n int) []float32 {
	page := os.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	if err := syscall.Mprotect(mem[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if size == 0 {
		return nil
	}
	all := unsafe.Slice((*float32)(unsafe.Pointer(&mem[0])), size/4)
	for i := range all {
		all[i] = nan
	}
	return all[len(all)-n:]
}
