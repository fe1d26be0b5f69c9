package data

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

// apply runs p over two pixels, (1, 2, 3) and (4, 5, 6).
func apply(t *testing.T, p Preprocess) []float32 {
	t.Helper()
	out := make([]float32, p.Channels()*2)
	if err := p.Apply(&Image{W: 2, H: 1, Pix: []uint8{1, 2, 3, 4, 5, 6}}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestApply(t *testing.T) {
	for name, c := range map[string]struct {
		p    Preprocess
		want []float32
	}{
		"raw":                {Preprocess{}, []float32{1, 4, 2, 5, 3, 6}},
		"BGR":                {Preprocess{Order: "BGR"}, []float32{3, 6, 2, 5, 1, 4}},
		"NHWC":               {Preprocess{Layout: "NHWC"}, []float32{1, 2, 3, 4, 5, 6}},
		"BGR NHWC":           {Preprocess{Order: "BGR", Layout: "NHWC"}, []float32{3, 2, 1, 6, 5, 4}},
		"luma":               {Preprocess{Order: "L"}, []float32{2, 5}},
		"mean of one":        {Preprocess{Mean: []float64{128}}, []float32{-127, -124, -126, -123, -125, -122}},
		"mean, std by order": {Preprocess{Order: "BGR", Mean: []float64{3, 2, 1}, Std: []float64{1, 2, 4}}, []float32{0, 3, 0, 1.5, 0, .75}},
		"scale 1/255":        {Preprocess{Scale: 1. / 255}, []float32{1. / 255, 4. / 255, 2. / 255, 5. / 255, 3. / 255, 6. / 255}},
		"scale 1/127.5, -1":  {Preprocess{Scale: 1 / 127.5, Mean: []float64{1}}, affine(1 / 127.5)},
		"scale 2":            {Preprocess{Scale: 2}, []float32{2, 8, 4, 10, 6, 12}},
	} {
		if got := apply(t, c.p); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// affine is v*scale - 1 of the six values, planes first.
func affine(scale float32) (out []float32) {
	for _, v := range []float32{1, 4, 2, 5, 3, 6} {
		out = append(out, float32(v*scale)-1)
	}
	return out
}

// TestDivision checks that 1/255 means division, not multiplication by a rounded reciprocal.
func TestDivision(t *testing.T) {
	table, differs := Preprocess{Scale: 1. / 255}.Table(0), false
	for v := range table {
		if table[v] != float32(v)/255 {
			t.Fatalf("value %d becomes %v, want %v", v, table[v], float32(v)/255)
		}
		differs = differs || table[v] != float32(v)*float32(1./255)
	}
	if !differs {
		t.Error("no value tells division from multiplication")
	}
}

func TestApplyKeepsTheImage(t *testing.T) {
	m := &Image{W: 2, H: 1, Pix: []uint8{1, 2, 3, 4, 5, 6}}
	p := Preprocess{Crop: 1, Mean: []float64{1}}
	if err := p.Apply(m, make([]float32, 3)); err != nil {
		t.Fatal(err)
	}
	if want := []uint8{1, 2, 3, 4, 5, 6}; m.W != 2 || !reflect.DeepEqual(m.Pix, want) {
		t.Errorf("image changed to %v", m)
	}
	if err := p.Apply(m, make([]float32, 6)); err == nil || !strings.Contains(err.Error(), "3 channels of 1x1 pixels, 3 values: expected 6") {
		t.Error(err)
	}
}

func TestPresetsSurviveJSON(t *testing.T) {
	for _, name := range PresetNames() {
		p, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePreprocess("m.onnx", b)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%s: %s became %+v, %v", name, b, again, err)
		}
	}
	if _, err := Preset("coco"); err == nil || !strings.Contains(err.Error(), "cifar, etinynet, grey, imagenet") {
		t.Error(err)
	}
}

func TestParsePreprocessRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                             "found the end of the text",
		`[]`:                           "expected an object, found array",
		`{} {}`:                        "data after",
		`{"sclae":1}`:                  "unknown field",
		`{"resize":-1}`:                "resize -1",
		`{"resize":1000000000}`:        "expected 0 to 16384",
		`{"crop":16384}`:               "crop 16384",
		`{"interpolation":"cubic"}`:    "bicubic, lanczos",
		`{"scale":1e39}`:               "finite float32",
		`{"mean":[1,2]}`:               "mean: expected 1 or 3 values, found 2",
		`{"order":"L","mean":[1,2,3]}`: "mean: expected 1 or 1 values",
		`{"std":[1,0,1]}`:              "std 0",
		`{"std":[-1]}`:                 "std -1",
		`{"std":[1e-60]}`:              "std 1e-60",
		`{"order":"GBR"}`:              "one of BGR, L, RGB",
		`{"layout":"CHW"}`:             "one of NCHW, NHWC",
		strings.Repeat("[", 100):       "preprocess",
		`{"mean":["` + strings.Repeat("x", 1<<20) + `"]}`: "at most 1048576 bytes",
	} {
		_, err := ParsePreprocess("m.onnx", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "m.onnx: preprocess: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v, want %q", text, err, want)
		}
	}
}

func FuzzPreprocess(f *testing.F) {
	f.Add(`{"resize":256,"crop":224,"scale":0.00392156862745098,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}`)
	f.Add(`{"order":"L","layout":"NHWC","interpolation":"bicubic","mean":[128]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePreprocess("fuzz", []byte(text))
		if err != nil || p.Crop > 64 || p.Resize > 64 {
			return
		}
		m := NewImage(5, 3)
		w, h := p.Size(m.W, m.H)
		out := make([]float32, p.Channels()*w*h)
		if err := p.Apply(m, out); err != nil && w*h > 0 {
			t.Fatalf("%s: %v", text, err)
		}
		for _, v := range out {
			if math.IsNaN(float64(v)) {
				t.Fatalf("%s: NaN", text)
			}
		}
	})
}

// TestNames applies every interpolation, order and layout that is offered.
func TestNames(t *testing.T) {
	m := NewImage(5, 4)
	for _, filter := range FilterNames() {
		for _, order := range OrderNames() {
			for _, layout := range LayoutNames() {
				p := Preprocess{Resize: 3, Crop: 3, Interpolation: Filter(filter), Order: order, Layout: layout}
				if err := p.Validate(); err != nil {
					t.Error(err)
				}
				if err := p.Apply(m, make([]float32, 9*p.Channels())); err != nil {
					t.Errorf("%s, %s, %s: %v", filter, order, layout, err)
				}
			}
		}
	}
}
