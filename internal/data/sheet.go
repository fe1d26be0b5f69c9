package data

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"lutra/internal/safe"
)

const (
	sheetSide   = 32   // pixels of an image
	sheetImages = 1000 // images of a sheet, whose number gives the first label
	maxSheets   = 60
)

var sheetNumber = regexp.MustCompile(`(\d+)\.png$`)

// openSheets reads CIFAR-10 images stored losslessly as the rows of PNGs of
// 1024 x 1000 pixels. Image i of sheet n has label n*1000+i of the labels file
// of the folder (*labels.txt, one a line); without one they are unlabelled.
func openSheets(dir string, sheets []string) (*Set, error) {
	labels, err := sheetLabels(dir)
	if err != nil {
		return nil, err
	}
	if len(sheets) > maxSheets {
		return nil, &safe.FormatError{File: dir, Expected: fmt.Sprintf("at most %d sheets", maxSheets), Found: fmt.Sprint(len(sheets))}
	}
	s := &Set{name: dir, inPlace: true}
	var rows [][]uint8 // the pixels of an image each
	for _, name := range sheets {
		path := filepath.Join(dir, name)
		m, err := ReadImage(path)
		if err != nil {
			return nil, err
		}
		if m.W != sheetSide*sheetSide || m.H > sheetImages {
			return nil, &safe.FormatError{File: path, Field: "size", Expected: "1024 pixels wide, at most 1000 high", Found: fmt.Sprintf("%dx%d", m.W, m.H)}
		}
		first := 0
		if digits := sheetNumber.FindStringSubmatch(name); digits != nil {
			first, err = strconv.Atoi(digits[1])
		}
		if err != nil || labels != nil && (first >= maxSheets || first*sheetImages+m.H > len(labels)) {
			return nil, &safe.FormatError{File: path, Field: "labels", Expected: "a label for every row", Found: fmt.Sprintf("%d labels in the folder", len(labels))}
		}
		for y := range m.H {
			label := Unlabelled
			if labels != nil {
				label = labels[first*sheetImages+y]
			}
			s.samples = append(s.samples, sample{key: len(rows), label: label, name: fmt.Sprintf("%s#%d", name, y)})
			rows = append(rows, m.Pix[3*y*m.W:][:3*m.W])
		}
	}
	s.load = func(i int) (*Image, error) { return &Image{W: sheetSide, H: sheetSide, Pix: rows[i]}, nil }
	return s, nil
}

// sheetLabels reads the only *labels.txt of a folder; nil if there is none.
func sheetLabels(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "labels.txt") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		b, err := safe.ReadFile(path, maxListBytes)
		if err != nil {
			return nil, err
		}
		return parseLabels(path, string(b))
	}
	return nil, nil
}

// parseLabels reads one class index a line.
func parseLabels(path, text string) ([]int, error) {
	lines := splitLines(text)
	labels := make([]int, len(lines))
	for i, line := range lines {
		v, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || v < 0 || v >= maxClasses {
			return nil, &safe.FormatError{File: path, Where: fmt.Sprintf("line %d", i+1), Expected: fmt.Sprintf("a class index from 0 to %d", maxClasses-1), Found: strconv.Quote(line)}
		}
		labels[i] = v
	}
	return labels, nil
}
