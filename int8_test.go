package lutra_test

import (
	"context"
	"lutra/internal/realdata"
	"path/filepath"
	"testing"

	"lutra"
)

// TestAutoKeepsResults calibrates a released network on unlabelled images and
// compares mode auto with fp32 on others.
func TestAutoKeepsResults(t *testing.T) {
	path := realdata.Path(t, "compressed/kill-the-bits/resnet18_small_blocks.pth")
	model := open(t, path, lutra.Options{})
	p, ok, err := model.Preprocess()
	if err != nil || !ok {
		t.Fatalf("preprocessing: %v, %v", ok, err)
	}
	calibration, err := lutra.OpenData(realdata.Path(t, "images/imagenet-sample"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Calibrate(context.Background(), calibration.Subset(16, 1), p, lutra.CalibrateOptions{Method: "mse"}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ranged.onnx")
	if err := model.Save(file); err != nil {
		t.Fatal(err)
	}
	set, err := lutra.OpenData(realdata.Path(t, "images/nips2017"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := lutra.Compare(context.Background(), open(t, file, lutra.Options{}), open(t, file, lutra.Options{Mode: "auto"}),
		set.Subset(40, 1), p, p, lutra.EvalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.MeanRelError > 0.05 || c.MeanRelError < 0.001 || c.Agreement < 0.9 {
		t.Errorf("%+v", c)
	}
}

func open(t *testing.T, path string, o lutra.Options) *lutra.Model {
	t.Helper()
	m, err := lutra.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
