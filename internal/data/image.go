// Package data reads what networks are trained, calibrated and scored on:
// images, their preprocessing and augmentation, sets of labelled images and of
// recordings, which it sees as images of their spectra.
//
// Pixels equal those of Pillow 9.4 after convert("RGB"), the loader of
// torchvision: byte for byte for PNG, within one level on average for JPEG
// (the inverse DCT of image/jpeg rounds differently from libjpeg's). Resizing
// and cropping equal Pillow's and torchvision's byte for byte.
package data

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"lutra/internal/audio"
	"lutra/internal/safe"
)

// Image is an 8-bit RGB image: 3 bytes a pixel, rows from the top without padding.
type Image struct {
	W, H int
	Pix  []uint8
}

// NewImage returns a black image.
func NewImage(w, h int) *Image { return &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)} }

const (
	maxImageBytes = 256 << 20

	// What a decoder allocates before it has seen all data must stay below 4
	// times the file and this: a header cannot spend memory that the file
	// does not back.
	headerMemory = 64 << 20

	// A progressive file may hold scans of a few bytes that each walk over the
	// whole image; encoders write about ten.
	maxJPEGScans = 500
)

// ReadImage reads a PNG or JPEG file, told apart by their content. EXIF
// orientation is not applied, alpha is dropped.
func ReadImage(path string) (*Image, error) {
	b, err := safe.ReadFile(path, maxImageBytes)
	if err != nil {
		return nil, err
	}
	return DecodeImage(path, b)
}

// DecodeImage decodes the bytes of a PNG or JPEG file; name is for errors.
// Images of more than safe.MaxPixels pixels are refused by their header.
func DecodeImage(name string, b []byte) (*Image, error) {
	var m *Image
	var err error
	switch {
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		m, err = decodePNG(b)
		err = damaged("PNG image", err)
	case bytes.HasPrefix(b, []byte{0xff, 0xd8}):
		m, err = decodeJPEG(b)
		err = damaged("JPEG image", err)
	case audio.IsWAV(b):
		m, err = decodeWAV(b)
	case len(b) == 0:
		err = &safe.FormatError{Expected: "a PNG or JPEG image or a WAV recording", Found: "an empty file"}
	default:
		err = &safe.FormatError{Expected: "a PNG or JPEG image or a WAV recording", Found: fmt.Sprintf("bytes % x", b[:min(len(b), 8)])}
	}
	if err != nil {
		return nil, inFile(name, err)
	}
	return m, nil
}

// damaged explains an error of a decoder that knows neither file nor format.
func damaged(format string, err error) error {
	switch _, ours := err.(*safe.FormatError); {
	case err == nil || ours:
		return err
	case cause(err) == nil:
		return &safe.FormatError{Field: format, Expected: "all of it", Found: "the end of the file", Hint: "was it copied whole?"}
	}
	return &safe.FormatError{Field: format, Err: err}
}

// inFile adds the file to an error.
func inFile(name string, err error) error {
	if f, ok := err.(*safe.FormatError); ok && f.File == "" {
		f.File = name
		return f
	}
	return &safe.FormatError{File: name, Err: err}
}

// checkSize refuses an image by its header. need is what decoding takes in
// bytes for every 64 pixels, size the length of the file.
func checkSize(c image.Config, need, size int) error {
	found := fmt.Sprintf("%dx%d", c.Width, c.Height)
	if c.Width <= 0 || c.Height <= 0 {
		return &safe.FormatError{Field: "size", Expected: "at least 1x1 pixels", Found: found}
	}
	n, err := safe.Mul(c.Width, c.Height)
	if err != nil || n > safe.MaxPixels {
		return &safe.FormatError{Field: "size", Expected: fmt.Sprintf("at most %d pixels", safe.MaxPixels), Found: found}
	}
	if memory := n / 64 * need; memory > 4*size+headerMemory {
		return &safe.FormatError{Field: "size", Expected: "at most 64 MiB and 4 times the file to decode it",
			Found: fmt.Sprintf("%s, %d MiB for %d bytes", found, memory>>20, size), Hint: "shrink the image first"}
	}
	return nil
}

func decodePNG(b []byte) (*Image, error) {
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	// IHDR comes first: depth and colour type lie at fixed places.
	depth, colour := b[24], b[25]
	pixel := 4 // bytes of a decoded one
	switch {
	case depth == 16:
		pixel = 8
	case colour == 3 || colour == 0 && !bytes.Contains(b, []byte("tRNS")):
		pixel = 1
	}
	if interlaced := b[28] != 0; interlaced {
		pixel *= 2 // the passes are images of their own
	}
	if err := checkSize(c, 64*pixel, len(b)); err != nil {
		return nil, err
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return fromPNG(m, depth == 16 && colour == 0)
}

func decodeJPEG(b []byte) (*Image, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if err := checkSize(c, jpegNeed(b), len(b)); err != nil {
		return nil, err
	}
	if n := bytes.Count(b, []byte{0xff, 0xda}); n > maxJPEGScans {
		return nil, &safe.FormatError{Field: "scans", Expected: fmt.Sprintf("at most %d", maxJPEGScans), Found: fmt.Sprint(n)}
	}
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return fromJPEG(m)
}
