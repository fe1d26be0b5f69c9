package glyph

import (
	"bytes"
	"hash/crc32"
	"sync"
	"testing"
)

// TestDrawIsTheSameEverywhere pins the pixels: the network's accuracy and
// the demo's figures refer to these images, on every processor.
func TestDrawIsTheSameEverywhere(t *testing.T) {
	h := crc32.NewIEEE()
	for i := range 2000 {
		pix, label := Draw(7, i)
		h.Write(pix)
		h.Write([]byte{byte(label)})
	}
	if got, want := h.Sum32(), uint32(0x9069ecd2); got != want {
		t.Errorf("checksum %#08x, want %#08x", got, want)
	}
}

func TestDraw(t *testing.T) {
	var seen [Classes]int
	const n = 3600
	for i := range n {
		pix, label := Draw(3, i)
		if len(pix) != 3*Size*Size || label < 0 || label >= Classes {
			t.Fatalf("image %d: %d bytes, label %d", i, len(pix), label)
		}
		seen[label]++
	}
	for c, k := range seen {
		if k < n/Classes/2 || k > n/Classes*2 {
			t.Errorf("class %s was drawn %d times of %d", Labels()[c], k, n)
		}
	}
}

func TestDrawDependsOnSeedAndIndexOnly(t *testing.T) {
	first, label := Draw(1, 5)
	for _, other := range []struct {
		seed uint64
		i    int
	}{{1, 6}, {2, 5}} {
		if pix, _ := Draw(other.seed, other.i); bytes.Equal(pix, first) {
			t.Errorf("seed %d, image %d equals seed 1, image 5", other.seed, other.i)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 10 {
				Draw(1, i)
			}
			if pix, l := Draw(1, 5); !bytes.Equal(pix, first) || l != label {
				t.Error("image changed between calls")
			}
		})
	}
	wg.Wait()
}

// TestOutlines checks that no glyph is missing and that all classes of a face differ.
func TestOutlines(t *testing.T) {
	upright := affine{a: 20, c: Size / 2, e: 20, f: Size / 2}
	for f, face := range outlines() {
		seen := map[mask]int{}
		for c, o := range face {
			m := rasterize(o, upright)
			ink := 0
			for _, v := range m {
				ink += int(v)
			}
			if ink < 20*255 || ink > 500*255 {
				t.Errorf("face %d, class %s covers %d pixels", f, Labels()[c], ink/255)
			}
			if twin, twice := seen[*m]; twice {
				t.Errorf("face %d: classes %s and %s look alike", f, Labels()[twin], Labels()[c])
			}
			seen[*m] = c
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		Draw(1, i)
	}
}
