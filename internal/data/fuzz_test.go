package data

import (
	"bytes"
	"testing"

	"lutra/internal/tensor"
)

// FuzzNPY: what is accepted is written and read back as the same array.
func FuzzNPY(f *testing.F) {
	for _, x := range []*tensor.Tensor{
		tensor.Of(make([]float32, 6), 2, 3), tensor.Of([]int64{1, -1}, 2), tensor.New(tensor.Float16, 0), tensor.New(tensor.Bool),
	} {
		var b bytes.Buffer
		if err := EncodeNPY(&b, x); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := DecodeNPY("fuzz.npy", b)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := EncodeNPY(&out, x); err != nil {
			t.Fatal(err)
		}
		y, err := DecodeNPY("back.npy", out.Bytes())
		if err != nil || y.DType != x.DType || !y.Shape.Equal(x.Shape) || !bytes.Equal(y.Bytes(), x.Bytes()) {
			t.Fatalf("%v %v read back as %v, %v", x.DType, x.Shape, y, err)
		}
	})
}

// FuzzArchive: every image of an archive that is accepted has a class and can be asked for.
func FuzzArchive(f *testing.F) {
	f.Add([]byte("no archive"))
	f.Add([]byte(tarGz([]string{"test/cat/1.png", "test/dog/2.png", "train/cat/3.png"}, "no image")))
	f.Add([]byte(tarGz([]string{"a/b/test/cat/1.jpg", "test/../test/x/2.png"}, "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readArchive(bytes.NewReader(b), int64(len(b)), "test")
		if err != nil {
			return
		}
		for i := range s.Len() {
			if c := s.Label(i); c < 0 || c >= len(s.Classes()) {
				t.Fatalf("image %d has class %d of %d", i, c, len(s.Classes()))
			}
			_, _ = s.Image(i)
		}
	})
}
