package network

import (
	"fmt"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

func buildMLP(b *builder, x string) string {
	x = b.flatten(x)
	x = b.activate("relu1", b.linear("fc1", x, b.width(300)))
	x = b.activate("relu2", b.linear("fc2", x, b.width(100)))
	return b.head("fc3", x, b.o.Outputs)
}

func buildParabola(b *builder, x string) string {
	x = b.activate("act1", b.linear("fc1", x, b.width(16)))
	x = b.activate("act2", b.linear("fc2", x, b.width(16)))
	return b.head("fc3", x, b.o.Outputs)
}

func buildDenseAutoencoder(b *builder, x string) string {
	image := b.shape.Clone()
	x = b.flatten(x)
	for i, n := range []int{256, 64, 256} {
		name := fmt.Sprint(i + 1)
		x = b.activate("relu"+name, b.linear("fc"+name, x, b.width(n)))
	}
	x = b.head("fc4", x, image.Elems())
	return b.reshape("reshape", x, image)
}

// buildConvAutoencoder halves the image twice by strided convolutions and
// doubles it twice by sub-pixel convolution (Shi et al., 2016), which a table
// engine can run: it only moves values.
func buildConvAutoencoder(b *builder, x string) string {
	in := b.shape.Clone()
	if in[1]%4 != 0 || in[2]%4 != 0 {
		b.fail("input %v: expected height and width that 4 divides", in)
	}
	x = b.convNorm("conv1", "bn1", "relu1", x, square(b.width(32), 3, 2))
	x = b.convNorm("conv2", "bn2", "relu2", x, square(b.width(32), 3, 2))
	x = b.convNorm("conv3", "bn3", "relu3", x, square(4*b.width(32), 3, 1))
	x = b.pixelShuffle("up3", x)
	last := square(4*in[0], 3, 1)
	last.bias = true
	return b.pixelShuffle("up4", b.conv("conv4", x, last))
}

// pixelShuffle makes one channel of 2x2 times the pixels of every 4 channels,
// as PyTorch's layer of that name.
func (b *builder) pixelShuffle(name, x string) string {
	c, h, w := b.shape[0]/4, b.shape[1], b.shape[2]
	x = b.reshape(name+".split", x, tensor.Shape{c, 2, 2, h, w})
	x = b.node(name+".transpose", "Transpose", []string{x}, graph.IntsAttr("perm", 0, 1, 4, 2, 5, 3))
	return b.reshape(name, x, tensor.Shape{c, 2 * h, 2 * w})
}

func buildAnomaly(b *builder, x string) string {
	features := b.shape[0]
	for i, n := range []int{128, 128, 128, 128, 8, 128, 128, 128, 128} {
		if n > 8 {
			n = b.width(n)
		}
		name := fmt.Sprint(i + 1)
		x = b.activate("relu"+name, b.norm("bn"+name, b.linear("fc"+name, x, n)))
	}
	return b.head("fc10", x, features)
}
