package data

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lutra/internal/safe"
)

// Names of the columns of a table with a header, lower case, best first.
var (
	fileColumns  = []string{"file", "filename", "file_name", "image", "path", "name"}
	labelColumns = []string{"class_index", "label", "class", "class_id", "target"}
)

// row is a line of a table of labels.
type row struct {
	line  int
	file  string
	label int
}

// openTable reads a table and finds its files in the folder of the table or in images/ or mfcc/ below it.
func openTable(path string) (*Set, error) {
	b, err := safe.ReadFile(path, maxListBytes)
	if err != nil {
		return nil, err
	}
	rows, err := readTable(path, strings.NewReader(string(b)))
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	files, labels := make([]string, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		labels[i] = r.label
		if files[i], err = locate(dir, r.file); err != nil {
			return nil, &safe.FormatError{File: path, Where: fmt.Sprintf("line %d", r.line), Field: "file", Err: err}
		}
	}
	s := openFiles(dir, files, labels)
	s.name = path
	return s, nil
}

// locate finds a file named by a table, which must lie below dir.
func locate(dir, file string) (string, error) {
	local := filepath.FromSlash(file)
	if !filepath.IsLocal(local) || strings.ContainsRune(file, 0) {
		return "", fmt.Errorf("%q: expected a path below the folder of the table", file)
	}
	if base := strings.ToLower(filepath.Base(local)); !isImage(base) && !strings.HasSuffix(base, ".bin") {
		return "", fmt.Errorf("%q: expected a .png, .jpg, .jpeg, .wav or .bin file", file)
	}
	for _, path := range []string{local, filepath.Join("images", local), filepath.Join("mfcc", local)} {
		if _, err := os.Stat(filepath.Join(dir, path)); err == nil {
			return path, nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%q: expected a file in the folder of the table, or in images/ or mfcc/ below it, found none", file)
}

// readTable parses comma-separated values. With a header, columns go by name
// (fileColumns, labelColumns). Without, they are file,label or, as in MLPerf
// Tiny's y_labels.csv, file,classes,label. Labels are class indices from 0.
func readTable(name string, r io.Reader) ([]row, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	var rows []row
	var columns tableColumns
	for first := true; ; first = false {
		record, err := c.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, &safe.FormatError{File: name, Err: err}
		}
		line, _ := c.FieldPos(0)
		if first {
			var header bool
			if columns, header, err = findColumns(record); err != nil {
				return nil, &safe.FormatError{File: name, Where: "line 1", Err: err}
			}
			if header {
				continue
			}
		}
		parsed, err := columns.parse(record)
		if err != nil {
			return nil, &safe.FormatError{File: name, Where: fmt.Sprintf("line %d", line), Err: err}
		}
		parsed.line = line
		rows = append(rows, parsed)
	}
	if len(rows) == 0 {
		return nil, &safe.FormatError{File: name, Expected: "lines of file and label", Found: "none"}
	}
	return rows, nil
}

// tableColumns are positions in a record; classes is -1 where absent.
type tableColumns struct{ file, label, classes int }

func findColumns(record []string) (c tableColumns, header bool, err error) {
	names := make([]string, len(record))
	for i, f := range record {
		names[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(f, "\ufeff")))
	}
	find := func(candidates []string) int {
		for _, n := range candidates {
			if i := slices.Index(names, n); i >= 0 {
				return i
			}
		}
		return -1
	}
	c = tableColumns{find(fileColumns), find(labelColumns), -1}
	if c.file >= 0 && c.label >= 0 {
		return c, true, nil
	}
	switch len(record) {
	case 2:
		return tableColumns{0, 1, -1}, false, nil
	case 3:
		return tableColumns{0, 2, 1}, false, nil
	}
	return c, false, fmt.Errorf("expected a header with file and class_index, or columns file,label, found %d columns", len(record))
}

func (c tableColumns) parse(record []string) (row, error) {
	file := strings.TrimSpace(strings.TrimPrefix(record[c.file], "\ufeff"))
	if file == "" {
		return row{}, fmt.Errorf("expected a file name, found an empty field")
	}
	limit := maxClasses
	if c.classes >= 0 {
		n, err := strconv.Atoi(strings.TrimSpace(record[c.classes]))
		if err != nil || n < 1 || n > maxClasses {
			return row{}, fmt.Errorf("expected a number of classes, found %q", record[c.classes])
		}
		limit = n
	}
	label, err := strconv.Atoi(strings.TrimSpace(record[c.label]))
	if err != nil || label < 0 || label >= limit {
		return row{}, fmt.Errorf("expected a class index from 0 to %d, found %q", limit-1, record[c.label])
	}
	return row{file: file, label: label}, nil
}
