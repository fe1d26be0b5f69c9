package data

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"lutra/internal/safe"
)

// openFiles makes a set of files below dir; they are read when asked for.
func openFiles(dir string, files []string, labels []int) *Set {
	s := &Set{name: dir, samples: make([]sample, len(files))}
	for i, f := range files {
		s.samples[i] = sample{key: i, label: labels[i], name: f}
	}
	s.load = func(i int) (*Image, error) {
		path := filepath.Join(dir, files[i])
		if strings.HasSuffix(strings.ToLower(path), ".bin") {
			return readRaw(path)
		}
		return ReadImage(path)
	}
	return s
}

// openFlat labels by wnid if classes are given, else not at all.
func openFlat(dir string, images []string, classes *classList) (*Set, error) {
	labels := make([]int, len(images))
	for i, name := range images {
		labels[i] = Unlabelled
		if classes == nil || classes.rank == nil {
			continue
		}
		wnid, _, _ := strings.Cut(name, "_")
		rank, ok := classes.rank[wnid]
		if !ok {
			return nil, &safe.FormatError{File: filepath.Join(dir, name), Field: "name", Expected: "wnid_name with a wnid of the class list", Found: wnid}
		}
		labels[i] = rank
	}
	return openFiles(dir, images, labels), nil
}

// openClassFolders takes every sub-folder for a class.
func openClassFolders(dir string, folders []string, classes *classList) (*Set, error) {
	if len(folders) < 2 && classes == nil {
		return nil, &safe.FormatError{File: dir, Expected: "images, or at least two class folders", Found: "the one folder " + folders[0]}
	}
	var files []string
	var labels []int
	for label, folder := range folders {
		if classes != nil {
			var err error
			if label, err = classes.find(filepath.Join(dir, folder), folder); err != nil {
				return nil, err
			}
		}
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if name := e.Name(); isImage(strings.ToLower(name)) && !strings.HasPrefix(name, ".") {
				files = append(files, filepath.Join(folder, name))
				labels = append(labels, label)
			}
		}
	}
	s := openFiles(dir, files, labels)
	s.classes = folders
	return s, nil
}

// MLPerf Tiny's keyword inputs: frames of coefficients in signed bytes.
const (
	mfccFrames       = 49
	mfccCoefficients = 10
)

// readRaw reads MLPerf Tiny's .bin files: a square image of bare RGB bytes, or
// 490 signed bytes of MFCC, which become a grey image of the values plus 128.
func readRaw(path string) (*Image, error) {
	b, err := safe.ReadFile(path, 3*safe.MaxPixels)
	if err != nil {
		return nil, err
	}
	if len(b) == mfccFrames*mfccCoefficients {
		for i := range b {
			b[i] ^= 0x80
		}
		return greyImage(mfccCoefficients, mfccFrames, b), nil
	}
	side := int(math.Sqrt(float64(len(b) / 3)))
	if side == 0 || 3*side*side != len(b) {
		return nil, &safe.FormatError{File: path, Field: "length", Expected: "490, or 3 for every pixel of a square", Found: fmt.Sprintf("%d bytes", len(b))}
	}
	return &Image{W: side, H: side, Pix: b}, nil
}
