package data

import (
	"math"
	"slices"
	"strings"
	"testing"

	"lutra/internal/network"
)

// ramp is an image whose bytes tell their place: the red value is the number of the pixel.
func ramp(w, h int) *Image {
	m := NewImage(w, h)
	for i := range w * h {
		m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = uint8(i+1), uint8(2*i), 200
	}
	return m
}

func parse(t *testing.T, text string) Augment {
	t.Helper()
	a, err := ParseAugment(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func augmented(t *testing.T, a Augment, m *Image, w, h, epoch, index int) *Image {
	t.Helper()
	before := slices.Clone(m.Pix)
	d, err := a.Apply(m, Preprocess{}, w, h, 7, epoch, index)
	if err != nil {
		t.Fatal(err)
	}
	if d.W != w || d.H != h || len(d.Pix) != 3*w*h {
		t.Fatalf("%v: %dx%d pixels of %d bytes, want %dx%d", a, d.W, d.H, len(d.Pix), w, h)
	}
	if !slices.Equal(before, m.Pix) {
		t.Fatalf("%v: changed the image it was given", a)
	}
	return d
}

// TestAugmentIsDetermined: seed, epoch and index decide, and nothing else.
func TestAugmentIsDetermined(t *testing.T) {
	m := ramp(12, 10)
	for _, text := range []string{"crop:3", "crop:2:5", "flip", "resized:0.2", "patch", "brightness:0.5", "contrast:0.5", "stretch", "stretch:0.5:0.3", "noise:20", "shift:2:3", "cutout:4", "crop,flip,cutout:5"} {
		a := parse(t, text)
		w, h := 12, 10
		if text == "patch" {
			w, h = 6, 4
		}
		different := 0
		for i := range 40 {
			first := augmented(t, a, m, w, h, 3, i)
			if again := augmented(t, a, m, w, h, 3, i); !slices.Equal(first.Pix, again.Pix) {
				t.Errorf("%s: the same image twice differs", text)
			}
			if !slices.Equal(first.Pix, augmented(t, a, m, w, h, 4, i).Pix) {
				different++
			}
		}
		if different < 10 {
			t.Errorf("%s: another epoch changes only %d of 40 images", text, different)
		}
	}
}

// TestPaddedCrop finds the displacement of every crop and demands all of them.
func TestPaddedCrop(t *testing.T) {
	m := ramp(6, 5)
	a := parse(t, "crop:1:2")
	seen := map[[2]int]int{}
	for i := range 600 {
		d := augmented(t, a, m, 6, 5, 0, i)
		found := false
		for dy := -1; dy <= 1; dy++ {
			for dx := -2; dx <= 2; dx++ {
				same := true
				for y := range 5 {
					for x := range 6 {
						want := []uint8{0, 0, 0}
						if sx, sy := x+dx, y+dy; sx >= 0 && sx < 6 && sy >= 0 && sy < 5 {
							want = m.Pix[3*(sy*6+sx):][:3]
						}
						same = same && slices.Equal(d.Pix[3*(y*6+x):][:3], want)
					}
				}
				if same {
					seen[[2]int{dx, dy}]++
					found = true
				}
			}
		}
		if !found {
			t.Fatalf("crop %d is no displacement within the padding", i)
		}
	}
	if len(seen) != 15 {
		t.Errorf("%d displacements of 15: %v", len(seen), seen)
	}
	for d, n := range seen { // 40 expected, standard deviation 6
		if n < 15 || n > 70 {
			t.Errorf("displacement %v %d times of 600", d, n)
		}
	}
}

func TestFlip(t *testing.T) {
	m := ramp(5, 3)
	flipped := 0
	for i := range 400 {
		d := augmented(t, parse(t, "flip"), m, 5, 3, 0, i)
		if slices.Equal(d.Pix, m.Pix) {
			continue
		}
		flipped++
		for y := range 3 {
			for x := range 5 {
				if !slices.Equal(d.Pix[3*(y*5+x):][:3], m.Pix[3*(y*5+4-x):][:3]) {
					t.Fatal("neither the image nor its mirror image")
				}
			}
		}
	}
	if flipped < 150 || flipped > 250 {
		t.Errorf("%d of 400 mirrored", flipped)
	}
	if d := augmented(t, parse(t, "flip:0"), m, 5, 3, 0, 0); !slices.Equal(d.Pix, m.Pix) {
		t.Error("mirrored with probability 0")
	}
}

// TestResizedCrop: a part of a plain image is plain, and of area 1 the parts are large.
func TestResizedCrop(t *testing.T) {
	plain := NewImage(40, 30)
	for i := range plain.Pix {
		plain.Pix[i] = 77
	}
	for i := range 50 {
		d := augmented(t, parse(t, "resized:0.1"), plain, 8, 8, 0, i)
		if slices.Min(d.Pix) != 77 || slices.Max(d.Pix) != 77 {
			t.Fatal("the part left the image")
		}
	}
	// No part of the whole area of a long image has sides of 3:4 to 4:3: the middle is taken.
	long := NewImage(100, 10)
	for y := range 10 {
		for x := 43; x < 56; x++ {
			long.Pix[3*(y*100+x)] = 255
		}
	}
	d := augmented(t, parse(t, "resized:1"), long, 4, 4, 0, 0)
	for p := 0; p < len(d.Pix); p += 3 {
		if d.Pix[p] < 200 {
			t.Fatalf("not the middle of the image: %v", d.Pix)
		}
	}
}

// TestShift: a shift repeats the edge.
func TestShift(t *testing.T) {
	m := ramp(7, 9)
	moved := map[[2]int]bool{}
	for i := range 60 {
		d := augmented(t, parse(t, "shift:3:1"), m, 7, 9, 0, i)
		p := int(d.Pix[3*(4*7+3)]) - 1 // the number of the pixel that is in the middle now
		dy, dx := p/7-4, p%7-3
		if dy < -3 || dy > 3 || dx < -1 || dx > 1 {
			t.Fatalf("moved by %d rows, %d columns", dy, dx)
		}
		moved[[2]int{dy, dx}] = true
		for y := range 9 {
			for x := range 7 {
				from := min(max(y+dy, 0), 8)*7 + min(max(x+dx, 0), 6)
				if !slices.Equal(d.Pix[3*(7*y+x):][:3], m.Pix[3*from:][:3]) {
					t.Fatalf("pixel %d, %d of an image moved by %d, %d", x, y, dx, dy)
				}
			}
		}
	}
	if len(moved) < 15 {
		t.Errorf("%d of 21 shifts", len(moved))
	}
}

func TestColourAndCutout(t *testing.T) {
	m := ramp(8, 8)
	for i := range 30 {
		d := augmented(t, parse(t, "brightness:0.25"), m, 8, 8, 0, i)
		if v := d.Pix[2]; v < 150 || v > 250 {
			t.Errorf("brightness made 200 to %d", v)
		}
		grey := NewImage(8, 8)
		for p := range grey.Pix {
			grey.Pix[p] = 90
		}
		if d := augmented(t, parse(t, "contrast:0.9"), grey, 8, 8, 0, i); slices.Min(d.Pix) < 89 || slices.Max(d.Pix) > 91 {
			t.Error("contrast changed a plain image")
		}
		black := 0
		d = augmented(t, parse(t, "cutout:4"), m, 8, 8, 0, i)
		for p := range 64 {
			if d.Pix[3*p+2] == 0 {
				black++
			} else if !slices.Equal(d.Pix[3*p:][:3], m.Pix[3*p:][:3]) {
				t.Fatal("cutout changed other pixels")
			}
		}
		if black < 4 || black > 16 {
			t.Errorf("%d black pixels", black)
		}
	}
}

// TestStretch: a bar in the middle stays there, and takes the widths and
// heights that the numbers allow, but no others.
func TestStretch(t *testing.T) {
	m := NewImage(40, 60)
	for y := 20; y < 40; y++ {
		for x := 15; x < 25; x++ {
			m.Pix[3*(y*40+x)] = 255
		}
	}
	heights, widths := map[int]bool{}, map[int]bool{}
	for i := range 300 {
		d := augmented(t, parse(t, "stretch:0.3:0"), m, 40, 60, 0, i)
		first, last := 60, 0
		for y := range 60 {
			if d.Pix[3*(y*40+20)] > 127 {
				first, last = min(first, y), max(last, y)
			}
		}
		heights[last-first+1] = true
		if middle := first + last; middle < 57 || middle > 61 {
			t.Fatalf("rows %d to %d: not the middle", first, last)
		}
		row := 0
		for x := range 40 {
			row += int(d.Pix[3*(30*40+x)] >> 7)
		}
		widths[row] = true
	}
	for n := range heights {
		if n < 13 || n > 27 {
			t.Errorf("20 rows became %d", n)
		}
	}
	if len(heights) < 8 || len(widths) != 1 || !widths[10] {
		t.Errorf("heights %v, widths %v", heights, widths)
	}
}

// TestNoise: of the deviation asked for at most, without bias, grey.
func TestNoise(t *testing.T) {
	m := NewImage(50, 50)
	for i := range m.Pix {
		m.Pix[i] = 120
	}
	most := 0.0
	for i := range 20 {
		d := augmented(t, parse(t, "noise:10"), m, 50, 50, 0, i)
		var sum, square float64
		for p := 0; p < len(d.Pix); p += 3 {
			e := float64(d.Pix[p]) - 120
			sum, square = sum+e, square+e*e
			if d.Pix[p] != d.Pix[p+1] || d.Pix[p] != d.Pix[p+2] {
				t.Fatal("colours differ")
			}
		}
		deviation := math.Sqrt(square / 2500)
		most = max(most, deviation)
		if math.Abs(sum/2500) > 1 || deviation > 11 {
			t.Errorf("mean %v, deviation %v", sum/2500, deviation)
		}
	}
	if most < 7 {
		t.Errorf("largest deviation %v", most)
	}
}

// TestRecipes: the augmentation and preprocessing of every network can be read.
func TestRecipes(t *testing.T) {
	for _, n := range network.All() {
		parse(t, n.Recipe.Augment)
		if n.Preprocess == "" {
			continue
		}
		if p, err := Preset(n.Preprocess); err != nil || p.Channels() != n.Input[0] {
			t.Errorf("%s: preset %s has %d channels, %v", n.Name, n.Preprocess, p.Channels(), err)
		}
	}
}

func TestParseAugmentRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"zoom":           `augmentation "zoom": expected none or a list of crop`,
		"crop:x":         "expected a number of 0 to 256",
		"crop:-1":        "expected a number of 0 to 256",
		"flip:2":         "expected a number of 0 to 1",
		"flip:NaN":       "expected a number of 0 to 1",
		"flip:0.1:0.2":   "expected at most 1 numbers",
		"patch:3":        "expected at most 0 numbers",
		"flip,resized":   "expected at the beginning",
		"crop,,flip":     `augmentation "": expected`,
		"resized,patch":  "expected at the beginning",
		"brightness:1.5": "expected a number",
	} {
		if _, err := ParseAugment(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	if _, err := parse(t, "patch").Apply(ramp(5, 5), Preprocess{}, 6, 6, 1, 0, 0); err == nil {
		t.Error("patch larger than the image accepted")
	}
	if m, err := parse(t, "none").Apply(ramp(5, 5), Preprocess{}, 5, 5, 1, 0, 0); err != nil || !slices.Equal(m.Pix, ramp(5, 5).Pix) {
		t.Error("none changes the image")
	}
}
