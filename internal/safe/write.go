package safe

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// WriteFile makes path hold what write produces, or leaves it as it was: the
// bytes go to a temporary file in the same folder, which is synced and renamed
// over path only when everything has succeeded. A folder or device at path is
// an error: renaming would put a file in the place of /dev/null.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return &FormatError{File: path, Expected: "a regular file, or none yet", Found: st.Mode().Type().String()}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err = write(w); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
