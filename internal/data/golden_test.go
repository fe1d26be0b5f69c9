package data

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goldens is testdata/index.json, written by testdata/make.py from Debian's PIL and torchvision.
type goldens struct {
	Decode []struct {
		File string
		W, H int
	}
	Resize []struct {
		File   string
		Filter Filter
		W, H   int
	}
	Crop []struct {
		W, H, Resize, Crop int
		CRC, Source        uint32
	}
	Luma, Tensor string
}

func readGoldens(t *testing.T) goldens {
	t.Helper()
	var g goldens
	if err := json.Unmarshal(fixture(t, "index.json"), &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// deviation returns the mean and the largest absolute difference.
func deviation(a, b []uint8) (mean float64, most int) {
	sum := 0
	for i, v := range a {
		d := max(int(v)-int(b[i]), int(b[i])-int(v))
		sum += d
		most = max(most, d)
	}
	return float64(sum) / float64(len(a)), most
}

func TestDecodeEqualsPillow(t *testing.T) {
	for _, g := range readGoldens(t).Decode {
		t.Run(g.File, func(t *testing.T) {
			m, err := ReadImage(filepath.Join("testdata", g.File))
			if err != nil {
				t.Fatal(err)
			}
			if m.W != g.W || m.H != g.H || len(m.Pix) != 3*g.W*g.H {
				t.Fatalf("%dx%d with %d bytes, want %dx%d", m.W, m.H, len(m.Pix), g.W, g.H)
			}
			want := fixture(t, strings.TrimSuffix(g.File, filepath.Ext(g.File))+".rgb")
			mean, most := deviation(m.Pix, want)
			if strings.HasSuffix(g.File, ".png") && most != 0 {
				t.Errorf("differs by up to %d levels, want equal", most)
			}
			// The inverse DCTs differ by one level here and there; colour
			// conversion multiplies that by at most 1.8.
			if mean > 0.25 || most > 3 {
				t.Errorf("mean difference %.3f, largest %d; want at most 0.25 and 3", mean, most)
			}
		})
	}
}

func TestResizeEqualsPillow(t *testing.T) {
	m, err := ReadImage("testdata/resize/source.png")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range readGoldens(t).Resize {
		r, err := m.Resize(g.W, g.H, g.Filter)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.Pix, fixture(t, g.File)) {
			mean, most := deviation(r.Pix, fixture(t, g.File))
			t.Errorf("%s: mean difference %.4f, largest %d, want equal", g.File, mean, most)
		}
	}
}

func TestGeometryEqualsTorchvision(t *testing.T) {
	for _, g := range readGoldens(t).Crop {
		m, err := ReadImage(fmt.Sprintf("testdata/resize/crop_%dx%d.png", g.W, g.H))
		if err != nil {
			t.Fatal(err)
		}
		before := crc32.ChecksumIEEE(m.Pix)
		p := Preprocess{Resize: g.Resize, Crop: g.Crop}
		r, err := p.Geometry(m)
		if err != nil {
			t.Fatal(err)
		}
		if w, h := p.Size(m.W, m.H); w != r.W || h != r.H || w != g.Crop || h != g.Crop {
			t.Errorf("%+v: became %dx%d, Size says %dx%d", g, r.W, r.H, w, h)
		}
		if before != g.Source || crc32.ChecksumIEEE(r.Pix) != g.CRC {
			t.Errorf("%+v: pixels differ", g)
		}
	}
}

func TestApplyEqualsTorchvision(t *testing.T) {
	want := make([]float32, 3*256)
	b := fixture(t, readGoldens(t).Tensor)
	for i := range want {
		want[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	m := NewImage(16, 16)
	for i := range m.Pix {
		m.Pix[i] = uint8(i / 3)
	}
	p, err := Preset("imagenet")
	if err != nil {
		t.Fatal(err)
	}
	p.Resize, p.Crop = 0, 0
	got := make([]float32, len(want))
	if err := p.Apply(m, got); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("channel %d, value %d: %v, want %v", i/256, i%256, got[i], want[i])
		}
	}
}

func TestLumaEqualsPillow(t *testing.T) {
	m, err := ReadImage("testdata/resize/source.png")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, m.W*m.H)
	if err := (Preprocess{Order: "L"}).Apply(m, got); err != nil {
		t.Fatal(err)
	}
	for i, want := range fixture(t, readGoldens(t).Luma) {
		if got[i] != float32(want) {
			t.Fatalf("pixel %d: %v, want %d", i, got[i], want)
		}
	}
}
