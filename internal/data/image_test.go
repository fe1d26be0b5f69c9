package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"lutra/internal/safe"
)

// setPNGSize rewrites the size in a PNG's header.
func setPNGSize(b []byte, w, h uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// setJPEGSize rewrites the size in a baseline JPEG's frame header.
func setJPEGSize(b []byte, w, h uint16) []byte {
	b = bytes.Clone(b)
	at := bytes.Index(b, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(b[at+5:], h)
	binary.BigEndian.PutUint16(b[at+7:], w)
	return b
}

func TestBadImages(t *testing.T) {
	p, j := fixture(t, "rgb.png"), fixture(t, "420_32x24.jpg")
	scan := j[bytes.Index(j, []byte{0xff, 0xda}) : len(j)-2]
	many := append(bytes.Clone(j[:len(j)-2]), bytes.Repeat(scan, maxJPEGScans+1)...)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":          {nil, "empty file"},
		"text":           {[]byte("GIF89a....."), "expected a PNG or JPEG image"},
		"PNG truncated":  {p[:len(p)-30], "not enough pixel data"},
		"JPEG truncated": {j[:len(j)-30], "short Huffman data"},
		"PNG magic only": {p[:8], "found the end of the file"},
		"PNG flipped":    {append(bytes.Clone(p[:len(p)-1]), 0), "checksum"},
		"PNG zero":       {setPNGSize(p, 0, 7), "non-positive dimension"},
		"PNG bomb":       {setPNGSize(p, 65535, 65535), "at most 67108864 pixels"},
		"PNG overflow":   {setPNGSize(p, 1<<31-1, 1<<31-1), "dimension overflow"},
		"PNG too small":  {setPNGSize(p, 8000, 8000), "at most 64 MiB and 4 times the file"},
		"JPEG zero":      {setJPEGSize(j, 0, 0), "at least 1x1 pixels"},
		"JPEG bomb":      {setJPEGSize(j, 65535, 65535), "at most 67108864 pixels"},
		"JPEG too small": {setJPEGSize(j, 8000, 8000), "at most 64 MiB and 4 times the file"},
		"JPEG scans":     {append(many, 0xff, 0xd9), "at most 500"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := DecodeImage("some.img", c.b)
			if err == nil {
				t.Fatalf("decoded to %dx%d", m.W, m.H)
			}
			if msg := err.Error(); !strings.HasPrefix(msg, "some.img: ") || !strings.Contains(msg, c.want) || strings.Contains(msg, "\n") {
				t.Errorf("error %q, want one line starting with the file and with %q", msg, c.want)
			}
			if f := (*safe.FormatError)(nil); !errors.As(err, &f) {
				t.Errorf("error of type %T", err)
			}
		})
	}
}

// TestEveryPrefixAndFlip decodes damaged files of every kind: no panic, and no
// more memory than the limits promise.
func TestEveryPrefixAndFlip(t *testing.T) {
	var before, after runtime.MemStats
	for _, name := range []string{"interlaced.png", "palette_trns.png", "rgba16.png", "420_4x5.jpg", "progressive_420.jpg", "cmyk.jpg"} {
		b := fixture(t, name)
		for n := 0; n < len(b); n += 1 + len(b)/500 {
			if m, err := DecodeImage(name, b[:n]); err == nil && n < len(b)*3/4 {
				t.Errorf("%s: %d of %d bytes decoded to %dx%d", name, n, len(b), m.W, m.H)
			}
		}
		flipped := bytes.Clone(b)
		for bit := 0; bit < 8*len(b); bit += 1 + len(b)/300 {
			flipped[bit/8] ^= 1 << (bit % 8)
			runtime.ReadMemStats(&before)
			DecodeImage(name, flipped)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > uint64(4*len(b)+64<<20) {
				t.Errorf("%s: bit %d flipped: %d bytes allocated", name, bit, used)
			}
			flipped[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestJPEGNeed(t *testing.T) {
	for name, want := range map[string]int{
		"444_32x24.jpg": 64 * 3, "422_32x24.jpg": 64 * 2, "420_32x24.jpg": 64 * 3 / 2, "440_24x64.jpg": 64 * 2,
		"411_61x16.jpg": 64 * 3 / 2, "luma.jpg": 64, "cmyk.jpg": 64 * 4, "progressive_420.jpg": 5 * 64 * 3 / 2,
	} {
		b := fixture(t, name)
		if got := jpegNeed(b); got != want {
			t.Errorf("%s: %d bytes for 64 pixels, want %d", name, got, want)
		}
		for n := range 30 {
			if got := jpegNeed(b[:n]); got < want {
				t.Errorf("%s cut to %d bytes: %d, want at least %d", name, n, got, want)
			}
		}
	}
}

func TestReadImageByContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrong.jpg")
	if err := os.WriteFile(path, fixture(t, "rgb.png"), 0o644); err != nil {
		t.Fatal(err)
	}
	if m, err := ReadImage(path); err != nil || m.W != 17 {
		t.Error(m, err)
	}
	if _, err := ReadImage(filepath.Dir(path)); err == nil {
		t.Error("a folder was read")
	}
}

func TestResizeLimits(t *testing.T) {
	m := NewImage(1, 60_000)
	if _, err := m.ResizeShort(256, Bilinear); err == nil {
		t.Error("256 x 15,360,000 pixels were accepted")
	}
	for _, s := range [][2]int{{0, 1}, {1, 0}, {-1, 5}, {1 << 40, 1 << 40}} {
		if _, err := m.Resize(s[0], s[1], Bilinear); err == nil {
			t.Errorf("resized to %v", s)
		}
	}
	if _, err := m.Resize(2, 2, "cubic"); err == nil {
		t.Error("unknown filter accepted")
	}
}

func FuzzDecodeImage(f *testing.F) {
	for _, name := range []string{"rgb.png", "palette_trns.png", "grey16.png", "interlaced.png", "420_4x5.jpg", "440_24x64.jpg", "cmyk.jpg", "ycck.jpg"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeImage("fuzz", b)
		if err != nil {
			return
		}
		if m.W < 1 || m.H < 1 || m.W*m.H > safe.MaxPixels || len(m.Pix) != 3*m.W*m.H {
			t.Fatalf("%dx%d with %d bytes", m.W, m.H, len(m.Pix))
		}
		// Accepted pixels survive a PNG of our own.
		var buf bytes.Buffer
		c := image.NewNRGBA(image.Rect(0, 0, m.W, m.H))
		for i := range m.W * m.H {
			copy(c.Pix[4*i:], m.Pix[3*i:3*i+3])
			c.Pix[4*i+3] = 255
		}
		if err := png.Encode(&buf, c); err != nil {
			t.Fatal(err)
		}
		again, err := DecodeImage("again", buf.Bytes())
		if err != nil || !bytes.Equal(again.Pix, m.Pix) {
			t.Fatalf("changed on the way through a PNG: %v", err)
		}
	})
}
