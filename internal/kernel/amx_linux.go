//go:build amd64 && !purego

package kernel

import (
	"sync"
	"syscall"
)

// tilesPermitted asks Linux once for the right to use the tile registers,
// which a process does not have by itself: their 8 KiB make every context
// switch longer (Documentation/arch/x86/xstate.rst of the kernel).
var tilesPermitted = sync.OnceValue(func() bool {
	const requestPermission, tileData = 0x1023, 18 // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
	_, _, err := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return err == 0
})
