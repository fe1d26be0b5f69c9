package torch

import (
	"fmt"
	"maps"
	"slices"

	"lutra/internal/safe"
)

// resnet describes a residual network: torchvision's (He et al., 2015; Xie et
// al., 2016; Zagoruyko and Komodakis, 2016), or with three stages the CIFAR
// variant of He et al., section 4.2. Strides, paddings and pooling, which no
// state dict holds, follow from it.
type resnet struct {
	name       string
	blocks     []int // residual blocks of each stage: 4 stages, or 3 (CIFAR)
	bottleneck bool
	width      int // outputs of the first convolution of stage 1
	groups     int // of the 3x3 convolutions
}

// architectures are the networks known by name.
var architectures = byName(
	resnet{"resnet18", []int{2, 2, 2, 2}, false, 64, 1},
	resnet{"resnet34", []int{3, 4, 6, 3}, false, 64, 1},
	resnet{"resnet50", []int{3, 4, 6, 3}, true, 64, 1},
	resnet{"resnet101", []int{3, 4, 23, 3}, true, 64, 1},
	resnet{"resnet152", []int{3, 8, 36, 3}, true, 64, 1},
	resnet{"resnext50_32x4d", []int{3, 4, 6, 3}, true, 128, 32},
	resnet{"resnext101_32x8d", []int{3, 4, 23, 3}, true, 256, 32},
	resnet{"resnext101_64x4d", []int{3, 4, 23, 3}, true, 256, 64},
	resnet{"wide_resnet50_2", []int{3, 4, 6, 3}, true, 128, 1},
	resnet{"wide_resnet101_2", []int{3, 4, 23, 3}, true, 128, 1},
	resnet{"resnet20", []int{3, 3, 3}, false, 16, 1},
	resnet{"resnet32", []int{5, 5, 5}, false, 16, 1},
	resnet{"resnet44", []int{7, 7, 7}, false, 16, 1},
	resnet{"resnet56", []int{9, 9, 9}, false, 16, 1},
	resnet{"resnet110", []int{18, 18, 18}, false, 16, 1},
	resnet{"resnet1202", []int{200, 200, 200}, false, 16, 1},
)

func byName(rows ...resnet) map[string]resnet {
	m := make(map[string]resnet, len(rows))
	for _, r := range rows {
		m[r.name] = r
	}
	return m
}

// Architectures lists the names that ImportOptions.Arch takes, sorted.
func Architectures() []string { return slices.Sorted(maps.Keys(architectures)) }

func (r resnet) String() string {
	kind := "basic blocks"
	if r.bottleneck {
		kind = "bottlenecks"
	}
	return fmt.Sprintf("%s (stages of %v %s, width %d, groups %d)", r.name, r.blocks, kind, r.width, r.groups)
}

func (r resnet) cifar() bool { return len(r.blocks) == 3 }

// head is the name of the classifier.
func (r resnet) head() string {
	if r.cifar() {
		return "linear"
	}
	return "fc"
}

// architecture infers the network from the names and shapes of its parameters.
func (p *params) architecture() (resnet, error) {
	var r resnet
	for stage := 1; stage <= 4; stage++ {
		n := 0
		for p.weights[fmt.Sprintf("layer%d.%d.conv1", stage, n)] != nil {
			n++
		}
		if n > 0 && len(r.blocks) == stage-1 {
			r.blocks = append(r.blocks, n)
		}
	}
	first := p.weights["layer1.0.conv1"]
	if len(r.blocks) < 3 {
		return r, &safe.FormatError{File: p.file, Where: "state dict", Expected: "the layers of a residual network (conv1, layer1.0.conv1, ...)", Found: "others", Hint: exportHint}
	}
	r.bottleneck = p.weights["layer1.0.conv3"] != nil
	r.width, r.groups = first.outputs(), 1
	if r.bottleneck {
		conv2 := p.weights["layer1.0.conv2"]
		if conv2 == nil || conv2.row() == 0 || r.width*9%conv2.row() != 0 {
			return r, p.fail("layer1.0.conv2", "weight", "a grouped 3x3 convolution", "another shape")
		}
		r.groups = r.width * 9 / conv2.row()
	}
	r.name = "resnet"
	for _, known := range architectures {
		if slices.Equal(r.blocks, known.blocks) && r.bottleneck == known.bottleneck && r.width == known.width && r.groups == known.groups {
			r.name = known.name
		}
	}
	return r, nil
}
