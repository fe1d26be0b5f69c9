package data

import (
	"lutra/internal/realdata"
	"testing"
)

func TestRealSets(t *testing.T) {
	for _, c := range []struct {
		path    string
		o       Options
		n       int
		classes int   // named ones
		labels  []int // of the first images
		w, h    int   // of the first image
	}{
		{"images/nips2017", Options{}, 100, 0, []int{559, 915, 741, 760, 692}, 299, 299},
		{"images/imagenet-sample", Options{Classes: "labels/imagenet_synset.txt"}, 500, 1000, []int{0, 2, 4, 6, 8}, 427, 320},
		{"mnist", Options{}, 10000, 0, []int{7, 2, 1, 0, 4}, 28, 28},
		{"mnist", Options{Split: "train"}, 60000, 0, []int{5, 0, 4, 1, 9}, 28, 28},
		{"cifar10/cifar10-jpeg.tar.gz", Options{}, 10000, 10, []int{0, 0, 0}, 32, 32},
		{"cifar10", Options{}, 4000, 0, []int{6, 9, 9}, 32, 32},
		{"cifar10/cifar10_batch_3.png", Options{}, 1000, 0, nil, 32, 32},
		{"fsdd/recordings", Options{}, 500, 10, []int{0, 0, 0}, 20, 64},
		{"fsdd/recordings", Options{Split: "train"}, 2000, 10, []int{0, 0, 0}, 20, 64},
		{"fsdd/recordings", Options{Split: "train:theo"}, 2000, 10, []int{0, 0, 0}, 20, 64},
		{"kws", Options{}, 500, 0, []int{7, 8, 5}, 10, 49},
		{"cifar10/ic01", Options{}, 200, 0, []int{7, 5, 3}, 32, 32},
	} {
		t.Run(c.path+c.o.Split, func(t *testing.T) {
			if c.o.Classes != "" {
				c.o.Classes = realdata.Path(t, c.o.Classes)
			}
			s, err := Open(realdata.Path(t, c.path), c.o)
			if err != nil {
				t.Fatal(err)
			}
			divided := c.path == "mnist" || c.path == "fsdd/recordings" || c.path == "cifar10/cifar10-jpeg.tar.gz"
			if s.Divided() != divided {
				t.Errorf("divided: %v", s.Divided())
			}
			if s.Len() != c.n || len(s.Classes()) != c.classes || !s.Labelled() {
				t.Errorf("%d images, %d class names, labelled %v; want %d, %d", s.Len(), len(s.Classes()), s.Labelled(), c.n, c.classes)
			}
			for i, want := range c.labels {
				if s.Label(i) != want {
					t.Errorf("%s has label %d, want %d", s.Name(i), s.Label(i), want)
				}
			}
			for i := 0; i < s.Len(); i += 1 + s.Len()/7 {
				m, err := s.Image(i)
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 && (m.W != c.w || m.H != c.h) {
					t.Errorf("%dx%d pixels, want %dx%d", m.W, m.H, c.w, c.h)
				}
			}
		})
	}
}
