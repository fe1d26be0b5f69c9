package data

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
)

// texture is a picture that is neither flat nor noise.
func texture(w, h int) *Image {
	m := NewImage(w, h)
	for i := range m.Pix {
		m.Pix[i] = uint8(i*i>>12 ^ i>>5)
	}
	return m
}

func BenchmarkDecodeJPEG(b *testing.B) {
	m := texture(500, 375)
	c := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		copy(c.Pix[4*i:], m.Pix[3*i:3*i+3])
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, c, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := DecodeImage("texture.jpg", file.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGeometry(b *testing.B) {
	m, p := texture(500, 375), Preprocess{Resize: 256, Crop: 224}
	for b.Loop() {
		if _, err := p.Geometry(m); err != nil {
			b.Fatal(err)
		}
	}
}
