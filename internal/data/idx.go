package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"lutra/internal/safe"
)

// idx is a tensor of bytes in LeCun's IDX format.
type idx struct {
	dims []int
	data []uint8
}

const (
	maxIDXDims = 4
	// inflateSlack bounds what compressed input may grow to: 4 times its size and
	// this, a little less than 64 MiB to leave room for the reader.
	inflateSlack = 62 << 20
)

// readIDX reads an IDX file of bytes with the given number of dimensions, compressed if it ends in .gz.
func readIDX(path string, dims int) (*idx, error) {
	b, err := safe.ReadFile(path, 1<<30)
	if err != nil {
		return nil, err
	}
	x, err := parseIDX(b, dims)
	if err != nil {
		return nil, inFile(path, err)
	}
	return x, nil
}

func parseIDX(b []byte, dims int) (*idx, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return decodeIDX(bytes.NewReader(b), dims, len(b))
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, damaged("gzip file", err)
	}
	return decodeIDX(z, dims, 4*len(b)+inflateSlack)
}

// decodeIDX reads an IDX stream that may hold at most limit bytes of data.
func decodeIDX(r io.Reader, dims, limit int) (*idx, error) {
	var head [4 + 4*maxIDXDims]byte
	h := head[:4+4*dims]
	if n, err := io.ReadFull(r, h); err != nil {
		return nil, &safe.FormatError{Field: "header", Expected: fmt.Sprintf("%d bytes", len(h)), Found: fmt.Sprint(n), Err: cause(err)}
	}
	if want := [4]byte{0, 0, 8, byte(dims)}; [4]byte(h) != want {
		return nil, &safe.FormatError{Field: "magic", Expected: fmt.Sprintf("% x (bytes in %d dimensions)", want, dims), Found: fmt.Sprintf("% x", h[:4])}
	}
	x := &idx{}
	for i := range dims {
		x.dims = append(x.dims, int(binary.BigEndian.Uint32(h[4+4*i:])))
	}
	n, err := safe.Mul(x.dims...)
	if err != nil || n == 0 || n > limit {
		return nil, &safe.FormatError{Field: "dimensions", Expected: fmt.Sprintf("1 to %d values", limit), Found: fmt.Sprint(x.dims)}
	}
	x.data = make([]uint8, n)
	if got, err := io.ReadFull(r, x.data); err != nil {
		return nil, &safe.FormatError{Field: "data", Expected: fmt.Sprintf("%d bytes", n), Found: fmt.Sprint(got), Err: cause(err)}
	}
	switch more, err := io.ReadFull(r, head[:1]); {
	case more > 0:
		return nil, &safe.FormatError{Field: "data", Expected: fmt.Sprintf("%d bytes", n), Found: "more"}
	case err != io.EOF: // of the compression
		return nil, damaged("gzip file", err)
	}
	return x, nil
}

// cause leaves out the errors that only say that the input ended.
func cause(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// openIDX reads images and, where the file of labels lies beside, their labels.
func openIDX(path string) (*Set, error) {
	x, err := readIDX(path, 3)
	if err != nil {
		return nil, err
	}
	n, h, w := x.dims[0], x.dims[1], x.dims[2]
	labels, err := idxLabels(path)
	if err != nil {
		return nil, err
	}
	s, err := NewSet(path, n, nil, labels, func(i int) (*Image, error) {
		return greyImage(w, h, x.data[i*w*h:][:w*h]), nil
	})
	if err == nil {
		s.inPlace = true
	}
	return s, err
}

// idxLabels reads the labels that belong to a file of images; none if there is no such file.
func idxLabels(images string) ([]int, error) {
	dir, base := filepath.Split(images)
	base = strings.Replace(strings.Replace(base, "idx3", "idx1", 1), "images", "labels", 1)
	plain := strings.TrimSuffix(base, ".gz")
	for _, name := range []string{base, plain, plain + ".gz"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		x, err := readIDX(path, 1)
		if err != nil {
			return nil, err
		}
		labels := make([]int, len(x.data))
		for i, v := range x.data {
			labels[i] = int(v)
		}
		return labels, nil
	}
	return nil, nil
}

// openIDXFolder chooses the file of a split: MNIST calls them t10k and train.
func openIDXFolder(dir string, files []string, split string) (*Set, error) {
	if len(files) == 1 {
		return openIDX(filepath.Join(dir, files[0]))
	}
	for _, name := range files {
		if split == "test" && strings.HasPrefix(name, "t10k") || strings.HasPrefix(name, split) {
			s, err := openIDX(filepath.Join(dir, name))
			if err == nil {
				s.divided = true
			}
			return s, err
		}
	}
	return nil, &safe.FormatError{File: dir, Expected: "images of the split " + split, Found: strings.Join(files, ", ")}
}
