package data

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"lutra/internal/safe"
)

// Preprocess says how an image becomes one sample of a network's input. Its
// JSON is what a model carries under the metadata key lutra.preprocess. The
// steps, in order:
//
//  1. Resize: the short side gets that many pixels (0: left as it is),
//  2. Crop: the middle square of that side is kept (0: no crop),
//  3. every channel value v (0...255) becomes (v*Scale - Mean[c]) / Std[c] in
//     float32 arithmetic, one rounding an operation.
//
// Where 1/Scale is a whole number n, v*Scale is computed as v/n: for 1/255 the
// result equals torchvision's ToTensor followed by Normalize bit for bit.
type Preprocess struct {
	Resize        int     `json:"resize,omitempty"`
	Crop          int     `json:"crop,omitempty"`
	Interpolation Filter  `json:"interpolation,omitempty"` // "": bilinear
	Scale         float64 `json:"scale,omitempty"`         // 0: 1, values stay 0...255
	// Mean and Std have one value, or one for every channel in the order of
	// Order, in units of v*Scale. None: 0 and 1.
	Mean   []float64 `json:"mean,omitempty"`
	Std    []float64 `json:"std,omitempty"`
	Order  string    `json:"order,omitempty"`  // channels: "RGB" (also ""), "BGR", or "L" for one channel of luma as Pillow's convert("L")
	Layout string    `json:"layout,omitempty"` // "NCHW" (also "") or "NHWC"
}

var (
	imagenetMean = []float64{0.485, 0.456, 0.406}
	imagenetStd  = []float64{0.229, 0.224, 0.225}
)

// kwsScale is the step of MLPerf Tiny's keyword inputs, whose zero is 83: the
// quantisation of the input of its kws_ref_model.tflite.
const kwsScale = 0.5847029

// presets are the values of --preprocess.
var presets = map[string]Preprocess{
	"none":     {},
	"unit":     {Scale: 1. / 255},
	"imagenet": {Resize: 256, Crop: 224, Scale: 1. / 255, Mean: imagenetMean, Std: imagenetStd},
	"cifar":    {Scale: 1. / 255, Mean: imagenetMean, Std: imagenetStd},
	"etinynet": {Resize: 256, Crop: 224, Mean: []float64{128}},
	"grey":     {Scale: 1. / 255, Order: "L"},
	"speech":   {Mean: []float64{80}, Std: []float64{90}, Order: "L"},
	"mfcc":     {Mean: []float64{208}, Std: []float64{16}, Order: "L"},
	"kws":      {Scale: kwsScale, Mean: []float64{kwsScale * (128 + 83)}, Order: "L"},
	"mnist":    {Scale: 1. / 255, Mean: []float64{0.1307}, Std: []float64{0.3081}, Order: "L"},
}

// PresetNames lists what Preset knows.
func PresetNames() []string { return slices.Sorted(maps.Keys(presets)) }

// Preset returns a named preprocessing:
//
//	none      raw RGB values 0...255
//	unit      values / 255
//	imagenet  torchvision's: Resize 256, CenterCrop 224, / 255, ImageNet mean and standard deviation
//	cifar     the same values without resizing
//	etinynet  Resize 256, CenterCrop 224, values - 128
//	grey      one channel, / 255
//	speech    one channel, (value - 80) / 90: spectra of recordings
//	mfcc      one channel, (value - 208) / 16: MLPerf Tiny's keyword inputs
//	kws       the same inputs in their own unit, as MLPerf Tiny's float network takes them
//	mnist     one channel, / 255, mean 0.1307, standard deviation 0.3081
func Preset(name string) (Preprocess, error) {
	p, ok := presets[name]
	if !ok {
		return p, fmt.Errorf("preprocessing %q: expected one of %s", name, strings.Join(PresetNames(), ", "))
	}
	p.Mean, p.Std = slices.Clone(p.Mean), slices.Clone(p.Std)
	return p, nil
}

// ParsePreprocess reads the JSON form; name is for errors. Unknown keys are
// refused, since ignoring one would silently change the input.
func ParsePreprocess(name string, b []byte) (Preprocess, error) {
	var p Preprocess
	if len(b) > safe.MaxMetaBytes {
		return p, &safe.FormatError{File: name, Field: "preprocess", Expected: fmt.Sprintf("at most %d bytes", safe.MaxMetaBytes), Found: fmt.Sprint(len(b))}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, safe.JSONError(name, "preprocess", err)
	}
	err := p.Validate()
	if err == nil && d.More() {
		err = fmt.Errorf("data after the JSON object")
	}
	if err != nil {
		return p, &safe.FormatError{File: name, Field: "preprocess", Err: err}
	}
	return p, nil
}

const maxSide = 16384 // of Resize and Crop

// Validate reports the first value out of range.
func (p Preprocess) Validate() error {
	if p.Resize < 0 || p.Resize > maxSide || p.Crop < 0 || p.Crop > maxSide {
		return fmt.Errorf("resize %d, crop %d: expected 0 to %d", p.Resize, p.Crop, maxSide)
	}
	if crop, err := safe.Mul(p.Crop, p.Crop); err != nil || crop > safe.MaxPixels {
		return fmt.Errorf("crop %d: expected at most %d pixels", p.Crop, safe.MaxPixels)
	}
	if !slices.Contains(filters, p.filter()) {
		return unknownFilter(p.Interpolation)
	}
	if _, ok := orders[p.order()]; !ok {
		return notAmong("order", p.Order, OrderNames())
	}
	if p.Layout != "" && !slices.Contains(LayoutNames(), p.Layout) {
		return notAmong("layout", p.Layout, LayoutNames())
	}
	if !representable(p.Scale) {
		return fmt.Errorf("scale %v: expected a finite float32", p.Scale)
	}
	if err := p.checkChannels("mean", p.Mean, representable); err != nil {
		return err
	}
	return p.checkChannels("std", p.Std, func(v float64) bool { return representable(v) && float32(v) > 0 })
}

// checkChannels checks a list of one number, or one for every channel.
func (p Preprocess) checkChannels(name string, v []float64, ok func(float64) bool) error {
	if n := len(v); n > 1 && n != p.Channels() {
		return fmt.Errorf("%s: expected 1 or %d values, found %d", name, p.Channels(), n)
	}
	for _, x := range v {
		if !ok(x) {
			return fmt.Errorf("%s %v: expected finite values, positive for std", name, x)
		}
	}
	return nil
}

func representable(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }

func notAmong(what, found string, names []string) error {
	return fmt.Errorf("%s %q: expected one of %s", what, found, strings.Join(names, ", "))
}

// orders maps a channel order to the source channel of each; nil is luma.
var orders = map[string][]int{"RGB": {0, 1, 2}, "BGR": {2, 1, 0}, "L": nil}

// OrderNames lists the orders of channels.
func OrderNames() []string { return slices.Sorted(maps.Keys(orders)) }

// LayoutNames lists the layouts of samples.
func LayoutNames() []string { return []string{"NCHW", "NHWC"} }

func (p Preprocess) order() string { return cmp.Or(p.Order, "RGB") }

// Channels is the number of channels of a sample: 1 or 3.
func (p Preprocess) Channels() int {
	if p.Order == "L" {
		return 1
	}
	return 3
}

// Size is the width and height that an image of w x h pixels ends up with.
func (p Preprocess) Size(w, h int) (int, int) {
	if p.Crop > 0 {
		return p.Crop, p.Crop
	}
	if p.Resize > 0 {
		return shortSide(w, h, p.Resize)
	}
	return w, h
}

func (p Preprocess) filter() Filter { return cmp.Or(p.Interpolation, Bilinear) }

// Geometry applies the resize and the crop.
func (p Preprocess) Geometry(m *Image) (*Image, error) {
	var err error
	if p.Resize > 0 {
		if m, err = m.ResizeShort(p.Resize, p.filter()); err != nil {
			return nil, err
		}
	}
	if p.Crop > 0 {
		m = m.CenterCrop(p.Crop)
	}
	return m, nil
}

// Apply writes the sample of m to dst, which must have Channels x height x
// width elements after resize and crop, in the order of Layout. It does not change m.
func (p Preprocess) Apply(m *Image, dst []float32) error {
	if err := p.Validate(); err != nil {
		return err
	}
	m, err := p.Geometry(m)
	if err != nil {
		return err
	}
	channels := p.Channels()
	if want := channels * m.W * m.H; len(dst) != want {
		return fmt.Errorf("image becomes %d channels of %dx%d pixels, %d values: expected %d (set --preprocess, or its resize and crop)",
			channels, m.W, m.H, want, len(dst))
	}
	pixel, channel := 1, m.W*m.H // strides in dst
	if p.Layout == "NHWC" {
		pixel, channel = channels, 1
	}
	for c := range channels {
		table := p.Table(c)
		out := dst[c*channel:]
		if p.Order == "L" {
			for i := range m.W * m.H {
				out[i*pixel] = table[luma(m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2])]
			}
			continue
		}
		pix := m.Pix[orders[p.order()][c]:]
		for i := range m.W * m.H {
			out[i*pixel] = table[pix[3*i]]
		}
	}
	return nil
}

// luma is ITU-R 601-2 in Pillow's fixed point (L24 in Convert.c).
func luma(r, g, b uint8) uint8 {
	return uint8((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 1<<15) >> 16)
}

// Table is step 3 for the 256 values of channel c.
func (p Preprocess) Table(c int) *[256]float32 {
	scale := p.Scale
	if scale == 0 {
		scale = 1
	}
	divisor := math.Round(1 / scale)
	whole := divisor >= 1 && divisor < 1<<24 && math.Abs(scale*divisor-1) < 1e-12
	mean, std := float32(at(p.Mean, c, 0)), float32(at(p.Std, c, 1))
	var t [256]float32
	for v := range t {
		x := float32(v)
		if whole {
			x /= float32(divisor)
		} else {
			x = float32(x * float32(scale))
		}
		t[v] = (x - mean) / std
	}
	return &t
}

// at is v[c], the only value of v, or the default.
func at(v []float64, c int, def float64) float64 {
	switch len(v) {
	case 0:
		return def
	case 1:
		return v[0]
	}
	return v[c]
}
