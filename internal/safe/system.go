package safe

import (
	"errors"
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
	if lock(f) == errLocked {
		f.Close()
		return nil, fs.ErrExist
	}
	switch ours, err := same(f, path); {
	case err != nil:
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	case !ours: // another process took it for abandoned before it was locked
		f.Close()
		return nil, fs.ErrExist
	}
	return f, nil
}

func (system) rename(from, to string) error { return os.Rename(from, to) }

func (system) remove(path string) error { return os.Remove(path) }

func (system) syncFolder(path string) error { return syncFolder(path) }

// same says whether f is what is found at path now.
func same(f *os.File, path string) (bool, error) {
	a, err := f.Stat()
	if err != nil {
		return false, err
	}
	b, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(a, b), err
}
