// Package oracle compares lutra with ONNX Runtime on real networks.
package oracle

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"lutra"
	"lutra/internal/compress"
	"lutra/internal/realdata"
	"lutra/oracle/ort"
)

// tolerance is the largest accepted difference relative to the largest output.
const tolerance = 1e-4

// models are the files that both engines run as they are.
var models = []string{
	"models/imagenet/resnet18.onnx",
	"models/imagenet/etinynet.onnx",
	"models/cifar10/cifar10_resnet20.onnx",
	"models/cifar10/cifar10_resnet56.onnx",
	"models/mlperf-tiny/ic_resnet8.onnx",
	"models/mlperf-tiny/vww_mobilenetv1_025_96.onnx",
}

func TestModelsAsInONNXRuntime(t *testing.T) {
	dir := realdata.Path(t, ".")
	for _, path := range models {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m, err := lutra.Open(filepath.Join(dir, path), lutra.Options{})
			if err != nil {
				t.Fatal(err)
			}
			same(t, m, filepath.Join(dir, path))
		})
	}
}

// TestWrittenFilesAsInONNXRuntime runs what lutra writes: every model
// rewritten, every model as codebooks, and the imported PyTorch files.
func TestWrittenFilesAsInONNXRuntime(t *testing.T) {
	dir := realdata.Path(t, ".")
	for _, path := range append(models,
		"compressed/kill-the-bits/resnet18_small_blocks.pth",
		"compressed/kill-the-bits/resnet50_large_blocks.pth",
		"compressed/pqf/resnet18.pth",
		"models/cifar10/resnet20-12fca82f.th",
	) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m, err := lutra.Open(filepath.Join(dir, path), lutra.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(path) != ".onnx" {
				t.Run("imported", func(t *testing.T) {
					file := save(t, m)
					same(t, m, file)
					opensInNetron(t, file)
				})
				return
			}
			t.Run("rewritten", func(t *testing.T) { same(t, m, save(t, m)) })
			o, err := lutra.CompressPreset("small")
			if err != nil {
				t.Fatal(err)
			}
			o.Metric, o.Correction, o.Iterations = compress.MetricNone, compress.CorrectNone, 2
			for _, o.Codewords = range []compress.Codewords{compress.Float16Words, compress.Int8Words} {
				t.Run("codebook of "+o.Codewords.String(), func(t *testing.T) {
					small, _, err := m.Compress(context.Background(), nil, lutra.Preprocess{}, o)
					if err != nil {
						t.Fatal(err)
					}
					file := save(t, small)
					same(t, small, file)
					opensInNetron(t, file)
				})
			}
		})
	}
}

func save(t *testing.T, m *lutra.Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// same runs the model in lutra and the file in ONNX Runtime, on batches of 1
// and, where the file leaves the batch open, 3.
func same(t *testing.T, m *lutra.Model, path string) {
	t.Helper()
	peer, err := ort.Open(path, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	batches := []int{1, 3}
	if m.Inputs()[0].Shape[0] > 0 {
		batches = batches[:1]
	}
	for _, batch := range batches {
		x := m.SampleInputs(batch, 7)[m.Inputs()[0].Name]
		got, err := s.Predict(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		want, err := peer.Run(x)
		if err != nil {
			t.Fatal(err)
		}
		if d := ort.Difference(got.Float32s(), want[0].Float32s()); !(d <= tolerance) {
			t.Errorf("batch %d: outputs differ by %.2e of the largest", batch, d)
		} else {
			t.Logf("batch %d: largest difference %.2e", batch, d)
		}
	}
}

// TestZooAsInONNXRuntime runs the files that zoo/export.py made in $LUTRA_ZOO.
func TestZooAsInONNXRuntime(t *testing.T) {
	dir := os.Getenv("LUTRA_ZOO")
	if dir == "" {
		t.Skip("no exported architectures: run zoo/export.py DIR and set LUTRA_ZOO=DIR")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.onnx"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no .onnx files in %s: %v", dir, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m, err := lutra.Open(path, lutra.Options{})
			if err != nil {
				t.Fatal(err)
			}
			same(t, m, path)
		})
	}
}
