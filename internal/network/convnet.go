package network

import "fmt"

func buildLeNet(b *builder, x string) string {
	filter := func(out int) conv {
		return conv{out: b.width(out), kernel: [2]int{5, 5}, stride: 1, groups: 1, bias: true}
	}
	x = b.maxPool("pool1", b.activate("relu1", b.conv("conv1", x, filter(20))), 2, 2, 0)
	x = b.maxPool("pool2", b.activate("relu2", b.conv("conv2", x, filter(50))), 2, 2, 0)
	x = b.activate("relu3", b.linear("fc1", b.flatten(x), b.width(500)))
	return b.head("fc2", x, b.o.Outputs)
}

// buildAlexNet is AlexNet (Krizhevsky et al., 2012; channels as in torchvision,
// halved) with 3x3 filters of stride 1, since the images are small, and batch
// normalisation in the place of local response normalisation and dropout.
func buildAlexNet(b *builder, x string) string {
	for i, layer := range []struct {
		channels int
		pool     bool
	}{{32, true}, {96, true}, {192, false}, {128, false}, {128, true}} {
		name := fmt.Sprint(i + 1)
		x = b.convNorm("conv"+name, "bn"+name, "relu"+name, x, square(b.width(layer.channels), 3, 1))
		if layer.pool {
			x = b.maxPool("pool"+name, x, 3, 2, 1)
		}
	}
	x = b.flatten(x)
	for _, name := range []string{"6", "7"} {
		x = b.activate("relu"+name, b.norm("bn"+name, b.linear("fc"+name, x, b.width(512))))
	}
	return b.head("fc8", x, b.o.Outputs)
}

// buildVGGSmall is the network of LQ-Nets (Zhang et al., 2018), after
// BinaryConnect's: six convolutions, one fully connected layer.
func buildVGGSmall(b *builder, x string) string {
	for i, channels := range []int{128, 128, 256, 256, 512, 512} {
		name := fmt.Sprint(i + 1)
		x = b.convNorm("conv"+name, "bn"+name, "relu"+name, x, square(b.width(channels), 3, 1))
		if i%2 == 1 {
			x = b.maxPool("pool"+name, x, 2, 2, 0)
		}
	}
	return b.head("fc", b.flatten(x), b.o.Outputs)
}

// buildDSCNN is a 10x4 convolution of stride 2 and four pairs of a depthwise
// 3x3 and a pointwise convolution, with TensorFlow's padding.
func buildDSCNN(b *builder, x string) string {
	c := b.width(64)
	x = b.convNorm("conv1", "bn1", "relu1", x, conv{out: c, kernel: [2]int{10, 4}, stride: 2, groups: 1}.same(b.shape))
	for i := range 4 {
		name := fmt.Sprint(i + 2)
		depthwise := square(c, 3, 1)
		depthwise.groups = c
		x = b.convNorm("dw"+name, "dwbn"+name, "dwrelu"+name, x, depthwise)
		x = b.convNorm("pw"+name, "pwbn"+name, "pwrelu"+name, x, square(c, 1, 1))
	}
	return b.head("fc", b.globalPool(x), b.o.Outputs)
}
