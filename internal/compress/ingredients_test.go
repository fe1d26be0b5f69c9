package compress

import (
	"runtime"
	"testing"
)

// ingredients are ways to compress to the same bytes: each the default but for
// one thing.
var ingredients = []struct {
	name string
	set  func(*Options)
}{
	{"default", func(*Options) {}},
	{"per-block", func(o *Options) { o.Metric = MetricPerBlock }},
	{"uncorrected", func(o *Options) { o.Correction = CorrectNone }},
	{"annealed", func(o *Options) { o.Anneal = true }},
	{"permuted", func(o *Options) { o.Permute = true }},
}

// TestIngredients prints the table of docs/compression.md: what each ingredient
// is worth on real networks, over three seeds that also draw the calibration
// images. It checks only that the bytes are the same.
func TestIngredients(t *testing.T) {
	slow(t)
	for _, n := range []struct {
		name, model, calib, preset, test string
		images                           int
	}{
		{"ResNet-8", "models/mlperf-tiny/ic_resnet8.onnx", "cifar10", "none", "cifar10/ic01", 400},
		{"ResNet-20", "models/cifar10/cifar10_resnet20.onnx", "cifar10", "cifar", "cifar10/ic01", 400},
		{"EtinyNet", "models/imagenet/etinynet.onnx", "images/imagenet-sample", "etinynet", "images/nips2017", 100},
		{"ResNet-18", "models/imagenet/resnet18.onnx", "images/imagenet-sample", "imagenet", "images/nips2017", 100},
	} {
		for _, blocks := range []string{"small", "large"} {
			t.Run(n.name+"/"+blocks, func(t *testing.T) {
				g := realModel(t, n.model)
				test := realImages(t, n.test, n.preset, 0)
				want := logits(t, g, test)
				t.Logf("float: top-1 %d of %d", top1(want, test), test.Len())
				bytes := 0
				for _, ingredient := range ingredients {
					t.Run(ingredient.name, func(t *testing.T) {
						var right, agreed, lost spread
						for seed := range uint64(3) {
							o, err := Preset(blocks)
							if err != nil {
								t.Fatal(err)
							}
							o.Seed, o.Threads = seed+1, runtime.GOMAXPROCS(0)
							ingredient.set(&o)
							out, r := mustRun(t, g, realImagesSeed(t, n.calib, n.preset, n.images, seed+1), o)
							got := logits(t, out, test)
							e, agree := logitError(want, got)
							right.add(float64(top1(got, test)))
							agreed.add(100 * agree)
							lost.add(e)
							if bytes == 0 {
								bytes = r.OutBytes
							}
							if d := r.OutBytes - bytes; d < -bytes/100 || d > bytes/100 {
								t.Errorf("%d bytes, want %d", r.OutBytes, bytes)
							}
						}
						t.Logf("top-1 %.1f ± %.1f, agreement %.1f ± %.1f %%, logit error %.3f ± %.3f",
							right.mean(), right.std(), agreed.mean(), agreed.std(), lost.mean(), lost.std())
					})
				}
			})
		}
	}
}
