package data

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"lutra/internal/safe"
)

const (
	maxEntryBytes = 16 << 20 // an image in an archive
	maxEntries    = 10_000_000
	maxInflation  = 16
)

// openArchive streams a .tar.gz of SPLIT/CLASS/image once and keeps the
// images of the split as they are, compressed, sorted by class and name.
func openArchive(file, split string) (*Set, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s, err := readArchive(f, st.Size(), split)
	if err != nil {
		return nil, inFile(file, err)
	}
	s.name, s.divided = file, true
	return s, nil
}

// entry is an image of an archive.
type entry struct {
	class, name string
	bytes       []byte
}

func readArchive(r io.Reader, size int64, split string) (*Set, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, damaged("tar.gz archive", err)
	}
	limit := 4*size + inflateSlack
	var entries []entry
	// Archives of images hardly compress; the bound keeps the time to walk over one within reason.
	t := tar.NewReader(io.LimitReader(z, maxInflation*size+inflateSlack))
	for count := 0; ; count++ {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, damaged("tar.gz archive", err)
		}
		if count == maxEntries {
			return nil, &safe.FormatError{Expected: fmt.Sprintf("at most %d entries", maxEntries), Found: "more"}
		}
		class, ok := classOf(h, split)
		if !ok {
			continue
		}
		if limit -= h.Size; h.Size > maxEntryBytes || limit < 0 {
			return nil, &safe.FormatError{Where: h.Name, Field: "size", Expected: "images within 16 MiB each and 4 times the archive", Found: fmt.Sprintf("%d bytes", h.Size)}
		}
		b := make([]byte, h.Size)
		if _, err := io.ReadFull(t, b); err != nil {
			return nil, damaged("tar.gz archive: "+h.Name, err)
		}
		entries = append(entries, entry{class, h.Name, b})
	}
	if len(entries) == 0 {
		return nil, &safe.FormatError{Expected: fmt.Sprintf("images named %s/CLASS/NAME.jpg", split), Found: "none"}
	}
	return archiveSet(entries), nil
}

// classOf returns the class of an entry of the split, "" and false for all others.
func classOf(h *tar.Header, split string) (string, bool) {
	if h.Typeflag != tar.TypeReg || !isImage(strings.ToLower(h.Name)) {
		return "", false
	}
	parts := strings.Split(path.Clean(h.Name), "/")
	n := len(parts)
	if n < 3 || parts[n-3] != split {
		return "", false
	}
	return parts[n-2], true
}

func archiveSet(entries []entry) *Set {
	slices.SortFunc(entries, func(a, b entry) int {
		if c := strings.Compare(a.class, b.class); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	s := &Set{}
	s.load = func(i int) (*Image, error) { return DecodeImage(s.name+": "+entries[i].name, entries[i].bytes) }
	for i, e := range entries {
		if len(s.classes) == 0 || s.classes[len(s.classes)-1] != e.class {
			s.classes = append(s.classes, e.class)
		}
		s.samples = append(s.samples, sample{key: i, label: len(s.classes) - 1, name: e.name})
	}
	return s
}
