//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package safe

import (
	"errors"
	"os"
	"syscall"
)

// renamesOpen says that files can be renamed while they are open.
const renamesOpen = true

var errLocked = errors.New("locked")

// lock locks f until it is closed or the process ends. Some file systems know no
// locks; nothing is taken for abandoned there.
func lock(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if ctl := raw.Control(func(fd uintptr) { err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }); ctl != nil {
		return ctl
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// sweep removes a temporary file that nobody writes any more.
func sweep(path string) {
	if st, err := os.Lstat(path); err != nil || !st.Mode().IsRegular() {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if lock(f) != nil {
		return
	}
	if ours, err := same(f, path); err == nil && ours { // whoever else would remove it needs the lock
		os.Remove(path)
	}
}

// writableFolder refuses a folder in which this process may not make files.
func writableFolder(path string) error {
	const write, search = 2, 1 // W_OK, X_OK of access(2)
	return syscall.Access(path, write|search)
}

// syncFolder puts the names in a folder on the disk, where the file system can.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil // a folder that may be written, not read
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
