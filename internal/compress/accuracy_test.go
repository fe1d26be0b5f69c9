package compress

import (
	"math"
	"runtime"
	"testing"
)

// TestAccuracy prints the table of docs/compression.md: what each metric makes
// of real networks, over three seeds that also draw the calibration images.
func TestAccuracy(t *testing.T) {
	slow(t)
	for _, n := range []struct {
		name, model, calib, preset, test string
		images                           int
	}{
		{"ResNet-18", "models/imagenet/resnet18.onnx", "images/imagenet-sample", "imagenet", "images/nips2017", 100},
		{"EtinyNet", "models/imagenet/etinynet.onnx", "images/imagenet-sample", "etinynet", "images/nips2017", 100},
		{"ResNet-20", "models/cifar10/cifar10_resnet20.onnx", "cifar10", "cifar", "cifar10/ic01", 1000},
		{"ResNet-56", "models/cifar10/cifar10_resnet56.onnx", "cifar10", "cifar", "cifar10/ic01", 1000},
		{"ResNet-8", "models/mlperf-tiny/ic_resnet8.onnx", "cifar10", "none", "cifar10/ic01", 1000},
	} {
		t.Run(n.name, func(t *testing.T) {
			g := realModel(t, n.model)
			test := realImages(t, n.test, n.preset, 0)
			want := logits(t, g, test)
			t.Logf("float: top-1 %d of %d", top1(want, test), test.Len())
			errs := map[Metric]float64{}
			for _, metric := range []Metric{MetricPerBlock, MetricRows} {
				var right, agreed, lost spread
				for seed := range uint64(3) {
					o := Small()
					o.Metric, o.Seed, o.Threads = metric, seed+1, runtime.NumCPU()
					out, _ := mustRun(t, g, realImagesSeed(t, n.calib, n.preset, n.images, seed+1), o)
					got := logits(t, out, test)
					err, agree := logitError(want, got)
					right.add(float64(top1(got, test)))
					agreed.add(100 * agree)
					lost.add(err)
				}
				errs[metric] = lost.mean()
				t.Logf("%-9v top-1 %.1f ± %.1f, agreement %.1f ± %.1f %%, logit error %.3f ± %.3f", metric,
					right.mean(), right.std(), agreed.mean(), agreed.std(), lost.mean(), lost.std())
			}
			if errs[MetricRows] > 0.9*errs[MetricPerBlock] {
				t.Errorf("logit error %v with rows, %v per block", errs[MetricRows], errs[MetricPerBlock])
			}
		})
	}
}

// spread is a list of measurements.
type spread []float64

func (s *spread) add(v float64) { *s = append(*s, v) }

func (s spread) mean() float64 { return sum(s) / float64(len(s)) }

// std is the standard deviation, with n-1.
func (s spread) std() float64 {
	var v float64
	for _, x := range s {
		v += (x - s.mean()) * (x - s.mean())
	}
	return math.Sqrt(v / float64(len(s)-1))
}
