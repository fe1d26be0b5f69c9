package glyph

// placement draws where the glyph comes to lie: height 13 to 26 pixels, aspect
// 0.7 to 1.25, shear, rotation by up to 25 degrees, a shift of up to 4 pixels.
func (r random) placement() affine {
	h := r.between(13, 26)
	w := float64(h * r.between(0.7, 1.25))
	shear := r.between(-0.3, 0.3)
	// A rotation from the tangent t of half its angle needs no sine.
	t := r.between(-0.22, 0.22)
	n := 1 + float64(t*t)
	cos, sin := (1-float64(t*t))/n, 2*t/n
	room := (30 - h) / 2
	return affine{
		a: cos * w, b: float64(float64(cos*shear)*h) - float64(sin*h), c: Size/2 + float64(r.between(-0.5, 0.5)*room),
		d: sin * w, e: float64(float64(sin*shear)*h) + float64(cos*h), f: Size/2 + float64(r.between(-0.5, 0.5)*room),
	}
}

// clutter crosses the image with up to two straight strokes.
func (r random) clutter(m *mask) {
	for range r.IntN(3) {
		r.stroke(m)
	}
}

func (r random) stroke(m *mask) {
	width := r.between(0.6, 1.8)
	p, q := point{r.between(0, Size), -2}, point{r.between(0, Size), Size + 2}
	along := affine{a: width, b: q.x - p.x, c: p.x, e: q.y - p.y, f: p.y}
	if r.IntN(2) == 0 { // transposed: from left to right
		along = affine{b: q.y - p.y, c: p.y, d: width, e: q.x - p.x, f: p.x}
	}
	line := rasterize(outline{{{0, 0}, {1, 0}, {1, 1}, {0, 1}}}, along)
	strength := 60 + r.IntN(140)
	for i, v := range line {
		m[i] = max(m[i], uint8(int(v)*strength/255))
	}
}

// blur smooths with the kernel (b, 256-2b, b)/256 both ways, up to twice.
func (r random) blur(m *mask) {
	for range r.IntN(3) {
		b := r.IntN(86)
		for y := range Size {
			smooth(m[y*Size:], 1, b)
		}
		for x := range Size {
			smooth(m[x:], Size, b)
		}
	}
}

// smooth filters Size values that are step apart.
func smooth(v []uint8, step, b int) {
	last := int(v[0])
	for i := range Size {
		this := int(v[i*step])
		next := int(v[min(i+1, Size-1)*step])
		v[i*step] = uint8((b*(last+next) + (256-2*b)*this + 128) >> 8)
		last = this
	}
}

// paint colours the mask: a background with a slope, a foreground that differs
// from it by 36 levels or more, give or take 20 in a channel, either way round,
// and noise.
func (r random) paint(pix []uint8, m *mask) {
	var back, delta, slopeX, slopeY [3]int
	contrast := 36 + r.IntN(140)
	base := r.IntN(256 - contrast) // the darker level
	if r.IntN(2) == 0 {
		base, contrast = base+contrast, -contrast
	}
	for c := range 3 {
		back[c] = base + r.IntN(41) - 20
		delta[c] = contrast + r.IntN(41) - 20
		slopeX[c], slopeY[c] = r.IntN(41)-20, r.IntN(41)-20
	}
	noise := r.IntN(48) // 0.8 of it is the standard deviation
	for y := range Size {
		for x := range Size {
			at := y*Size + x
			random := r.Uint64()
			for c := range 3 {
				v := back[c] + (slopeX[c]*(2*x-Size)+slopeY[c]*(2*y-Size))/(2*Size)
				v += delta[c] * int(m[at]) / 255
				v += noise * triangular(random>>(20*c)) >> 9
				pix[3*at+c] = uint8(min(max(v, 0), 255))
			}
		}
	}
}

// triangular turns 20 random bits into a number from -1023 to 1023 with a
// triangular distribution of standard deviation 418.
func triangular(bits uint64) int { return int(bits&1023) - int(bits>>10&1023) }
