package data

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"lutra/internal/safe"
)

// Unlabelled is the label of a sample without one.
const Unlabelled = -1

// Set is an ordered list of images with optional labels. Its order depends
// only on the files' names and contents. It is safe for concurrent use.
type Set struct {
	name    string
	classes []string
	samples []sample
	load    func(key int) (*Image, error)
	divided bool // Options.Split has chosen a part: there is another
	inPlace bool // load takes the pixels from memory
}

// sample is what is known of an image without decoding it.
type sample struct {
	key   int // argument of load
	label int
	name  string
}

// NewSet returns the set of n images that load draws or reads; load must be
// safe for concurrent use. labels may be nil (unlabelled); classes may be nil.
func NewSet(name string, n int, classes []string, labels []int, load func(i int) (*Image, error)) (*Set, error) {
	if labels != nil && len(labels) != n {
		return nil, &safe.FormatError{File: name, Field: "labels", Expected: fmt.Sprintf("%d, one for every image", n), Found: fmt.Sprint(len(labels))}
	}
	s := &Set{name: name, classes: classes, samples: make([]sample, n), load: load}
	for i := range s.samples {
		s.samples[i] = sample{key: i, label: Unlabelled, name: fmt.Sprintf("#%d", i)}
		if labels != nil {
			s.samples[i].label = labels[i]
		}
	}
	return s, s.check()
}

// check refuses empty sets and labels outside the known classes.
func (s *Set) check() error {
	if len(s.samples) == 0 {
		return &safe.FormatError{File: s.name, Expected: "images", Found: "none"}
	}
	if s.classes != nil {
		return s.CheckClasses(len(s.classes))
	}
	return nil
}

// CheckClasses reports the first image whose label is not one of n classes,
// e.g. of the outputs of a network.
func (s *Set) CheckClasses(n int) error {
	for _, x := range s.samples {
		if x.label >= n {
			return &safe.FormatError{File: s.name, Where: x.name, Field: "label", Expected: fmt.Sprintf("0 to %d", n-1),
				Found: fmt.Sprint(x.label), Hint: "the data and the classes do not belong together"}
		}
	}
	return nil
}

// Path is what the set was opened from.
func (s *Set) Path() string { return s.name }

// Divided says whether the source has a part for training and one for testing,
// of which this set is one.
func (s *Set) Divided() bool { return s.divided }

// Len is the number of images.
func (s *Set) Len() int { return len(s.samples) }

// Image decodes image i. Callers must not change it: some sets keep their images.
func (s *Set) Image(i int) (*Image, error) { return s.load(s.samples[i].key) }

// Label is the class of image i, or Unlabelled.
func (s *Set) Label(i int) int { return s.samples[i].label }

// Name tells image i from the others of the set: a file's path below it, or "#" and its number.
func (s *Set) Name(i int) string { return s.samples[i].name }

// Classes are the names of the classes if the source has them, else nil.
func (s *Set) Classes() []string { return s.classes }

// Labelled says whether every image has a label.
func (s *Set) Labelled() bool {
	return !slices.ContainsFunc(s.samples, func(x sample) bool { return x.label == Unlabelled })
}

// Subset returns n images drawn without replacement, in the order of the set,
// the same ones for the same seed. All of them if n is 0 or not below Len.
func (s *Set) Subset(n int, seed uint64) *Set {
	if n <= 0 || n >= len(s.samples) {
		return s
	}
	picked := rand.New(rand.NewPCG(seed, 0)).Perm(len(s.samples))[:n]
	slices.Sort(picked)
	t := *s
	t.samples = make([]sample, n)
	for i, p := range picked {
		t.samples[i] = s.samples[p]
	}
	return &t
}

// Inputs is a Set seen through a preprocessing: the samples of a network's input.
type Inputs struct {
	*Set
	p    Preprocess
	w, h int
}

// Inputs returns the samples for a network whose input is width x height
// pixels; 0 accepts any size.
func (s *Set) Inputs(p Preprocess, width, height int) (*Inputs, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Inputs{Set: s, p: p, w: width, h: height}, nil
}

// Input writes sample i, without batch dimension, in the preprocessing's layout.
func (in *Inputs) Input(i int, dst []float32) error {
	m, _, _, err := in.image(i)
	if err != nil {
		return err
	}
	return in.apply(i, m, dst)
}

// Sample is sample i with its width and height in pixels, which the network
// may leave open.
func (in *Inputs) Sample(i int) (v []float32, width, height int, err error) {
	m, width, height, err := in.image(i)
	if err != nil {
		return nil, 0, 0, err
	}
	v = make([]float32, in.p.Channels()*width*height)
	return v, width, height, in.apply(i, m, v)
}

// image decodes image i and checks the size that preprocessing gives it.
func (in *Inputs) image(i int) (m *Image, width, height int, err error) {
	if m, err = in.Image(i); err != nil {
		return nil, 0, 0, err
	}
	w, h := in.p.Size(m.W, m.H)
	if in.w != 0 && w != in.w || in.h != 0 && h != in.h {
		return nil, 0, 0, &safe.FormatError{File: in.name, Where: in.Name(i), Field: "size", Expected: fmt.Sprintf("%dx%d pixels", in.w, in.h),
			Found: fmt.Sprintf("%dx%d", w, h), Hint: "the preprocessing must resize and crop to the network's input"}
	}
	return m, w, h, nil
}

func (in *Inputs) apply(i int, m *Image, dst []float32) error {
	if err := in.p.Apply(m, dst); err != nil {
		return &safe.FormatError{File: in.name, Where: in.Name(i), Err: err}
	}
	return nil
}
