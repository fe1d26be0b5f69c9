package lutra

import (
	"fmt"
	"reflect"
	"runtime"

	"lutra/internal/fit"
	"lutra/internal/network"
	"lutra/internal/safe"
)

// threads is a number of threads for a wish, of which 0 means one per processor.
func threads(n int) int {
	if n == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// checkLabels refuses a set whose labels do not fit the network. Without
// labels a classifier learns only from a teacher.
func (m *Model) checkLabels(set *DataSet, task network.Task, taught bool) error {
	if set == nil || task != network.Classify {
		return nil
	}
	if !set.Labelled() && !taught {
		return &safe.FormatError{File: set.Path(), Field: "labels", Expected: "a label for every image", Found: "unlabelled images", Hint: "add a labels.csv, or learn from a teacher"}
	}
	if n := fit.Classes(m.graph); n >= 0 {
		return set.CheckClasses(n)
	}
	return nil
}

// checkTeacher refuses a teacher that sees its images differently.
func (m *Model) checkTeacher(p Preprocess, teacher *Model) error {
	if teacher == nil {
		return nil
	}
	q, ok, err := teacher.Preprocess()
	if err != nil || !ok {
		return err
	}
	p.Layout, q.Layout = "", ""
	if !reflect.DeepEqual(p, q) {
		return &safe.FormatError{File: teacher.Path(), Field: "preprocessing", Expected: fmt.Sprintf("the student's, %+v", p), Found: fmt.Sprintf("%+v", q), Hint: "the same batch goes to both"}
	}
	return nil
}

// size is the width and height of the network's input, which the file must fix.
func (s *samples) size(set *DataSet) (width, height int, err error) {
	width, height = s.shape[s.width], s.shape[s.height]
	if width > 0 && height > 0 {
		return width, height, nil
	}
	return 0, 0, &safe.FormatError{File: set.Path(), Field: "input", Expected: "a network with an input of fixed width and height", Found: s.shape.String()}
}

// layout is that of the samples.
func (s *samples) layout(p Preprocess) string {
	if s.channels == 3 {
		return "NHWC"
	}
	return p.Layout
}
