package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
)

// folder is the file system below a folder. Symbolic links that lead out of
// it, and files that are not regular, cannot be opened.
type folder string

// Open opens a regular file below the folder.
func (f folder) Open(name string) (fs.File, error) {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Looked at before it is opened: opening a pipe would wait for its writer.
	st, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	return root.Open(name)
}

// external reads the external data of one model. Tensors follow each other in
// a file, so the last file stays open.
type external struct {
	dir  fs.FS // nil: none allowed
	name string
	file fs.File
	size int64
	// What is read is bounded by the sizes of the files: a small model cannot
	// ask for the same bytes over and over.
	sizes       map[string]int64
	total, used int64
}

func (x *external) close() {
	if x.file != nil {
		x.file.Close()
		x.file = nil
	}
}

// extent says where the bytes of a tensor are.
type extent struct {
	location       string
	offset, length int64
	rest           bool // no length is given: to the end of the file
}

// parseExtent reads TensorProto.external_data. Keys it does not know
// ("checksum") are left out of account.
func parseExtent(entries []*onnxpb.StringStringEntryProto) (e extent, err error) {
	e.rest = true
	for _, kv := range entries {
		switch kv.Key {
		case "location":
			e.location = kv.Value
		case "offset":
			e.offset, err = parseSize(kv.Value)
		case "length":
			e.length, err = parseSize(kv.Value)
			e.rest = false
		}
		if err != nil {
			return e, fmt.Errorf("%s: %w", kv.Key, err)
		}
	}
	return e, checkLocation(e.location)
}

func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("expected a number of bytes, found %q", s)
	}
	return n, nil
}

// checkLocation refuses every path that is not plainly below the folder, on
// any operating system.
func checkLocation(p string) error {
	if p == "" || path.IsAbs(p) || strings.ContainsAny(p, "\\:\x00") {
		return fmt.Errorf("location: expected a relative path with forward slashes, found %q", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return fmt.Errorf("location: expected a path below the model's folder, found %q", p)
		}
	}
	return nil
}

// locate checks that the bytes of e exist and returns how many they are.
func (x *external) locate(e extent) (int64, error) {
	if err := x.open(path.Clean(e.location)); err != nil {
		return 0, err
	}
	if e.rest {
		e.length = x.size - e.offset
	}
	if e.offset > x.size || e.length > x.size-e.offset {
		return 0, fmt.Errorf("%s: expected %d bytes from offset %d, found a file of %d", e.location, max(e.length, 0), e.offset, x.size)
	}
	x.used += e.length
	if x.used > min(2*x.total, safe.MaxModelBytes) {
		return 0, fmt.Errorf("%s: expected at most %d bytes of external data, and none more than twice", e.location, int64(safe.MaxModelBytes))
	}
	return e.length, nil
}

// read fills dst with the bytes of e, which locate has checked last.
func (x *external) read(e extent, dst []byte) error {
	r, ok := x.file.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("%s: cannot be read at an offset", e.location)
	}
	if _, err := io.ReadFull(io.NewSectionReader(r, e.offset, int64(len(dst))), dst); err != nil {
		return fmt.Errorf("%s: %w", e.location, err)
	}
	return nil
}

// open makes name the open file.
func (x *external) open(name string) error {
	if x.file != nil && x.name == name {
		return nil
	}
	x.close()
	if x.dir == nil {
		return fmt.Errorf("%s: external data cannot be read here", name)
	}
	f, err := x.dir.Open(name)
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", name, pe.Err)
	}
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		f.Close()
		return errors.Join(err, fmt.Errorf("%s: expected a regular file", name))
	}
	if x.sizes == nil {
		x.sizes = map[string]int64{}
	}
	x.total += st.Size() - x.sizes[name]
	x.sizes[name] = st.Size()
	x.file, x.name, x.size = f, name, st.Size()
	return nil
}
