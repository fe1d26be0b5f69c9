package data

import (
	"strings"
	"testing"
)

func TestSteps(t *testing.T) {
	for name, want := range map[string]string{
		"none":     "Channels in the order red, green, blue.|The values 0...255.|Channel by channel (NCHW).",
		"imagenet": "The short side is resized to 256 pixels (bilinear).|The middle 224x224 pixels are kept.|Channels in the order red, green, blue.|The values 0...255, times 0.0039215686, minus 0.485, 0.456, 0.406, divided by 0.229, 0.224, 0.225.|Channel by channel (NCHW).",
		"mnist":    "One channel: the luma of ITU-R 601-2.|The values 0...255, times 0.0039215686, minus 0.1307, divided by 0.3081.|Channel by channel (NCHW).",
	} {
		p, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Steps(), "|"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	p := Preprocess{Order: "BGR", Layout: "NHWC", Scale: 1}
	if got, want := strings.Join(p.Steps(), "|"), "Channels in the order blue, green, red.|The values 0...255.|Pixel by pixel, channels innermost (NHWC)."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
