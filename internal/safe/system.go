package safe

import (
	"io/fs"
	"os"
)

// system is the disk of the operating system. Temporary files are locked as long
// as they are open, so that others can tell them from those of killed processes.
type system struct{}

func (system) create(path string) (handle, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	if lock(f) == errLocked || !same(f, path) { // another process took it for abandoned
		f.Close()
		return nil, fs.ErrExist
	}
	return f, nil
}

func (system) rename(from, to string) error { return os.Rename(from, to) }

func (system) remove(path string) error { return os.Remove(path) }

func (system) syncFolder(path string) error { return syncFolder(path) }

// same says whether f is what is found at path now.
func same(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}
