package data

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Augment is a list of random changes of training images. It works on bytes,
// after the geometry and before the values of a Preprocess.
type Augment struct {
	text  string
	steps []augmentation
}

// augmentation is one step; values are the numbers behind its name.
type augmentation struct {
	augmenter
	values []float64
}

// augmenter is a row of the table of augmentations.
type augmenter struct {
	name     string
	defaults []float64 // of its numbers, all of which may be left out
	low, top float64   // bounds of the numbers
	// frames says that the step takes the whole image and makes the size of the
	// network's input, in the place of the resize and the crop of the preprocessing.
	frames bool
	apply  func(m *Image, v []float64, w, h int, r *rand.Rand) (*Image, error)
}

var augmenters = []augmenter{
	{name: "crop", defaults: []float64{4, -1}, low: -1, top: 256, apply: paddedCrop},
	{name: "flip", defaults: []float64{0.5}, low: 0, top: 1, apply: randomFlip},
	{name: "resized", defaults: []float64{0.08}, low: 1e-3, top: 1, frames: true, apply: resizedCrop},
	{name: "patch", frames: true, apply: patchCrop},
	{name: "brightness", defaults: []float64{0.2}, low: 0, top: 1, apply: brightness},
	{name: "contrast", defaults: []float64{0.2}, low: 0, top: 1, apply: contrast},
	{name: "shift", defaults: []float64{4, 0}, low: 0, top: 256, apply: shifted},
	{name: "stretch", defaults: []float64{0.2, -1}, low: -1, top: 0.9, apply: stretch},
	{name: "noise", defaults: []float64{8}, low: 0, top: 255, apply: noise},
	{name: "cutout", defaults: []float64{8}, low: 1, top: 4096, apply: cutout},
}

// ParseAugment reads a comma-separated list of steps, "none" or "" for no steps:
//
//	crop:P[:Q]     pad by P black rows and Q columns (P if left out) on every side, crop a random part of the old size
//	flip[:P]       mirror left and right with probability P (0.5)
//	resized[:A]    torchvision's RandomResizedCrop: a part of A...1 of the area (0.08), sides 3:4 to 4:3, resized bilinearly
//	patch          a random part of the size of the network's input
//	brightness[:F] every value times 1-F...1+F (0.2)
//	contrast[:F]   differences from the mean of the luma times 1-F...1+F (0.2)
//	shift[:P[:Q]]  move by up to P rows (4) and Q columns (0); what was at the edge fills the gap
//	stretch[:F[:G]] height times 1-F...1+F (0.2), width times 1-G...1+G (F if left out), resized bilinearly, the middle kept
//	noise[:S]      normal noise of deviation 0...S (8), equal for the colours of a pixel
//	cutout[:N]     a black square of N pixels (8) anywhere, clipped at the border (DeVries and Taylor, 2017)
//
// resized and patch replace the resize and crop of the preprocessing and must come first.
func ParseAugment(text string) (Augment, error) {
	a := Augment{text: text}
	if text == "" || text == "none" {
		return a, nil
	}
	for i, part := range strings.Split(text, ",") {
		fields := strings.Split(strings.TrimSpace(part), ":")
		at := slices.IndexFunc(augmenters, func(x augmenter) bool { return x.name == fields[0] })
		if at < 0 {
			var names []string
			for _, x := range augmenters {
				names = append(names, x.name)
			}
			return a, fmt.Errorf("augmentation %q: expected none or a list of %s", fields[0], strings.Join(names, ", "))
		}
		step := augmentation{augmenter: augmenters[at], values: slices.Clone(augmenters[at].defaults)}
		if len(fields)-1 > len(step.values) {
			return a, fmt.Errorf("augmentation %q: expected at most %d numbers", part, len(step.values))
		}
		if step.frames && i > 0 {
			return a, fmt.Errorf("augmentation %q: expected at the beginning of the list", part)
		}
		for j, f := range fields[1:] {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil || !(v >= max(step.low, 0) && v <= step.top) {
				return a, fmt.Errorf("augmentation %q: expected a number of %g to %g, found %q", part, max(step.low, 0), step.top, f)
			}
			step.values[j] = v
		}
		a.steps = append(a.steps, step)
	}
	return a, nil
}

// String is what ParseAugment read.
func (a Augment) String() string { return a.text }

// Apply makes the sample of m for a network whose input is w x h pixels: the
// geometry of p with the random changes that seed, epoch and index determine.
func (a Augment) Apply(m *Image, p Preprocess, w, h int, seed uint64, epoch, index int) (*Image, error) {
	r := rand.New(rand.NewPCG(seed, uint64(epoch)<<40^uint64(index)))
	steps, err := a.steps, error(nil)
	if len(steps) == 0 || !steps[0].frames {
		if m, err = p.Geometry(m); err != nil {
			return nil, err
		}
	}
	for _, s := range steps {
		if m, err = s.apply(m, s.values, w, h, r); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// part is the rectangle of w x h pixels at x, y, black where it leaves the image.
func (m *Image) part(x, y, w, h int) *Image {
	d := NewImage(w, h)
	left, right := max(0, -x), min(w, m.W-x)
	for row := range h {
		if from := y + row; from >= 0 && from < m.H && left < right {
			copy(d.Pix[3*(row*w+left):], m.Pix[3*(from*m.W+x+left):3*(from*m.W+x+right)])
		}
	}
	return d
}

func paddedCrop(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	rows, columns := int(v[0]), int(v[1])
	if v[1] < 0 {
		columns = rows
	}
	return m.part(r.IntN(2*columns+1)-columns, r.IntN(2*rows+1)-rows, m.W, m.H), nil
}

func shifted(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	dy, dx := r.IntN(2*int(v[0])+1)-int(v[0]), r.IntN(2*int(v[1])+1)-int(v[1])
	d := NewImage(m.W, m.H)
	for y := range m.H {
		for x := range m.W {
			from := min(max(y+dy, 0), m.H-1)*m.W + min(max(x+dx, 0), m.W-1)
			copy(d.Pix[3*(y*m.W+x):][:3], m.Pix[3*from:])
		}
	}
	return d, nil
}

func randomFlip(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	if r.Float64() >= v[0] {
		return m, nil
	}
	d := NewImage(m.W, m.H)
	for y := range m.H {
		for x := range m.W {
			copy(d.Pix[3*(y*m.W+x):][:3], m.Pix[3*(y*m.W+m.W-1-x):])
		}
	}
	return d, nil
}

// resizedCrop draws as torchvision does: ten tries of area and logarithmic
// ratio, then the largest middle part within the ratios.
func resizedCrop(m *Image, v []float64, w, h int, r *rand.Rand) (*Image, error) {
	const ratio = 4. / 3
	for range 10 {
		area := float64(m.W*m.H) * (v[0] + (1-v[0])*r.Float64())
		aspect := math.Exp(math.Log(ratio) * (2*r.Float64() - 1))
		cw, ch := int(math.Round(math.Sqrt(area*aspect))), int(math.Round(math.Sqrt(area/aspect)))
		if cw > 0 && ch > 0 && cw <= m.W && ch <= m.H {
			return m.part(r.IntN(m.W-cw+1), r.IntN(m.H-ch+1), cw, ch).Resize(w, h, Bilinear)
		}
	}
	cw, ch := m.W, m.H
	if in := float64(m.W) / float64(m.H); in < 1/ratio {
		ch = max(1, int(math.Round(float64(cw)*ratio)))
	} else if in > ratio {
		cw = max(1, int(math.Round(float64(ch)*ratio)))
	}
	return m.part((m.W-cw)/2, (m.H-ch)/2, cw, ch).Resize(w, h, Bilinear)
}

func patchCrop(m *Image, _ []float64, w, h int, r *rand.Rand) (*Image, error) {
	if m.W < w || m.H < h {
		return nil, fmt.Errorf("image of %dx%d pixels: expected at least the patch of %dx%d", m.W, m.H, w, h)
	}
	return m.part(r.IntN(m.W-w+1), r.IntN(m.H-h+1), w, h), nil
}

// factor draws from 1-f...1+f.
func factor(f float64, r *rand.Rand) float64 { return 1 + f*(2*r.Float64()-1) }

func brightness(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	return m.scaled(factor(v[0], r), 0), nil
}

func contrast(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	sum := 0
	for p := 0; p < len(m.Pix); p += 3 {
		sum += int(luma(m.Pix[p], m.Pix[p+1], m.Pix[p+2]))
	}
	f := factor(v[0], r)
	return m.scaled(f, (1-f)*float64(sum)/float64(m.W*m.H)), nil
}

// scaled is every value times f plus c, rounded and clipped.
func (m *Image) scaled(f, c float64) *Image {
	var table [256]uint8
	for v := range table {
		table[v] = uint8(min(255, max(0, math.Round(float64(f*float64(v))+c))))
	}
	d := NewImage(m.W, m.H)
	for i, v := range m.Pix {
		d.Pix[i] = table[v]
	}
	return d
}

// stretch, of a spectrum, is another speed (height) and voice (width).
func stretch(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	rows, columns := v[0], v[1]
	if columns < 0 {
		columns = rows
	}
	w, h := m.W, m.H
	h = max(1, int(math.Round(float64(h)*factor(rows, r))))
	w = max(1, int(math.Round(float64(w)*factor(columns, r))))
	d, err := m.Resize(w, h, Bilinear)
	if err != nil {
		return nil, err
	}
	return d.part((w-m.W)/2, (h-m.H)/2, m.W, m.H), nil
}

func noise(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	deviation := v[0] * r.Float64()
	d := NewImage(m.W, m.H)
	for p := 0; p < len(m.Pix); p += 3 {
		e := math.Round(deviation * r.NormFloat64())
		for i := p; i < p+3; i++ {
			d.Pix[i] = uint8(min(255, max(0, float64(m.Pix[i])+e)))
		}
	}
	return d, nil
}

func cutout(m *Image, v []float64, _, _ int, r *rand.Rand) (*Image, error) {
	n := int(v[0])
	x, y := r.IntN(m.W)-n/2, r.IntN(m.H)-n/2
	d := &Image{W: m.W, H: m.H, Pix: slices.Clone(m.Pix)}
	for row := max(0, y); row < min(m.H, y+n); row++ {
		clear(d.Pix[3*(row*m.W+max(0, x)) : 3*(row*m.W+min(m.W, x+n))])
	}
	return d, nil
}
