package safe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile makes path hold what write produces, or leaves it as it was. The
// bytes go to a temporary file in the same folder, which is synced and renamed
// over path only when everything has succeeded: whatever fails, and whenever the
// process is killed, path holds what it held or all of the new bytes. Several
// processes may write it at once: the last one wins.
//
// A new file has the permissions that the umask leaves, an old one keeps its own.
// Of a symbolic link the file behind it is replaced. A folder or device at path
// is an error: renaming would put a file in the place of /dev/null. So is a file
// that nobody may write. Temporary
// files of path that killed processes have left are removed.
func WriteFile(path string, write func(io.Writer) error) error {
	return writeAll(system{}, []string{path}, func(_ int, w io.Writer) error { return write(w) })
}

// WriteAll is WriteFile for files that belong together: none is renamed before
// all are written and synced.
func WriteAll(paths []string, write func(i int, w io.Writer) error) error {
	return writeAll(system{}, paths, write)
}

func writeAll(d disk, paths []string, write func(i int, w io.Writer) error) (err error) {
	files := make([]*file, 0, len(paths))
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.discard())
		}
	}()
	for i, path := range paths {
		f, err := create(d, path)
		if err != nil {
			return err
		}
		files = append(files, f)
		if err := f.fill(func(w io.Writer) error { return write(i, w) }); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.commit(); err != nil {
			return err
		}
	}
	return nil
}

// Writable refuses what WriteFile would refuse, before work that would be lost.
func Writable(path string) error {
	if st, err := os.Stat(filepath.Dir(path)); err != nil || !st.IsDir() {
		return &FormatError{File: path, Expected: "a folder to write it to"}
	}
	behind, _, err := target(path)
	if err != nil {
		return err
	}
	return (&file{name: path}).fail(writableFolder(filepath.Dir(behind)))
}

// Remove deletes the file at path, if there is one, and the temporary files that
// killed processes have left of it.
func Remove(path string) error {
	for slot := range slots {
		sweep(temporary(path, slot))
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// disk is what files are written to; tests give one that fails.
type disk interface {
	create(path string) (handle, error) // fs.ErrExist: there is one already
	rename(from, to string) error
	remove(path string) error
	syncFolder(path string) error
}

type handle interface {
	io.Writer
	Chmod(fs.FileMode) error
	Sync() error
	Close() error
}

// file is what is to become of a path.
type file struct {
	disk      disk
	name      string // the path as the user gave it
	path      string // behind symbolic links
	temporary string // "": there is none
	handle    handle
}

// slots bounds the temporary files of one path, and with that the processes that
// write it at once. Their names are known so that what killed processes have left
// is found without listing a folder.
const slots = 16

func temporary(path string, slot int) string {
	return filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.tmp", filepath.Base(path), slot))
}

// create makes the temporary file of path.
func create(d disk, path string) (*file, error) {
	behind, old, err := target(path)
	if err != nil {
		return nil, err
	}
	f := &file{disk: d, name: path, path: behind}
	err = fs.ErrExist
	for slot := range slots {
		name := temporary(behind, slot)
		sweep(name)
		if f.temporary == "" {
			switch f.handle, err = d.create(name); {
			case err == nil:
				f.temporary = name
			case !errors.Is(err, fs.ErrExist):
				return nil, f.fail(err)
			}
		}
	}
	if err != nil {
		return nil, &FormatError{File: path, Expected: fmt.Sprintf("less than %d processes that write it at once", slots), Found: "more", Hint: "if there are none, remove " + temporary(behind, 0) + " and the others like it"}
	}
	if old != nil {
		if err := f.handle.Chmod(old.Mode().Perm()); err != nil {
			return nil, errors.Join(f.fail(err), f.discard())
		}
	}
	return f, nil
}

// target is the path behind symbolic links, and what is there now; nil: nothing.
func target(name string) (path string, old fs.FileInfo, err error) {
	bad := func(found string, err error) error {
		return &FormatError{File: name, Expected: "a regular file, or none yet", Found: found, Err: err}
	}
	path = name
	st, err := os.Lstat(path)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		if path, err = filepath.EvalSymlinks(name); err != nil {
			return "", nil, bad("a symbolic link to nothing", nil)
		}
		st, err = os.Stat(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil, nil
	case err != nil:
		return "", nil, bad("", cause(err))
	case !st.Mode().IsRegular():
		return "", nil, bad(kind(st.Mode()), nil)
	case st.Mode().Perm()&0o222 == 0: // a new file in its place would not ask
		return "", nil, &FormatError{File: name, Expected: "a file that may be written, or none yet", Found: "a read-only file"}
	}
	return path, st, nil
}

// kind says what is no regular file.
func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return m.Type().String()
}

// fill writes the temporary file and puts it on the disk.
func (f *file) fill(write func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.fail(f.handle.Sync())
}

func (f *file) Write(b []byte) (int, error) {
	n, err := f.handle.Write(b)
	return n, f.fail(err)
}

// commit renames the temporary file, which is complete, and puts the name on
// the disk: work that led to the file is deleted after it. The file stays open,
// and with that locked, until it has its name.
func (f *file) commit() error {
	if !renamesOpen {
		err := f.handle.Close()
		f.handle = nil
		if err != nil {
			return f.fail(err)
		}
	}
	if err := f.disk.rename(f.temporary, f.path); err != nil {
		return f.fail(err)
	}
	f.temporary = ""
	return f.fail(f.disk.syncFolder(filepath.Dir(f.path)))
}

// discard closes the file and removes it, unless it has been committed; then
// closing it loses nothing, for it has been synced.
func (f *file) discard() error {
	var err error
	if f.handle != nil {
		err = f.handle.Close()
	}
	if f.temporary == "" {
		return nil
	}
	return errors.Join(f.fail(err), f.fail(f.disk.remove(f.temporary)))
}

// fail names the file as the user did.
func (f *file) fail(err error) error {
	if err == nil {
		return nil
	}
	return &FormatError{File: f.name, Found: "cannot be written", Err: cause(err)}
}

// cause is an error of a system call without the names of files.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
