package network

import (
	"fmt"
	"math"

	"lutra/internal/tensor"
)

// cifarResNets are the networks of He et al. (2016), section 4.2: depth 6n+2.
var cifarResNets = func() (rows []Network) {
	for _, depth := range []int{20, 32, 44, 56, 110} {
		rows = append(rows, Network{
			Name: fmt.Sprintf("resnet%d", depth), Doc: fmt.Sprintf("residual network of %d layers for CIFAR (He et al., 2016), shortcuts without parameters (option A)", depth),
			Data: "cifar10", Preprocess: "cifar", Input: tensor.Shape{3, 32, 32}, Outputs: 10, activation: "relu",
			Recipe: cifarRecipe,
			build:  func(b *builder, x string) string { return buildCIFARResNet(b, x, (depth-2)/6) },
		})
	}
	return rows
}()

func buildCIFARResNet(b *builder, x string, blocks int) string {
	x = b.convNorm("conv1", "bn1", "relu", x, square(b.width(16), 3, 1))
	for stage, channels := range []int{16, 32, 64} {
		for i := range blocks {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x = b.basicBlock(fmt.Sprintf("layer%d.%d", stage+1, i), x, b.width(channels), stride)
		}
	}
	return b.head("linear", b.globalPool(x), b.o.Outputs)
}

// basicBlock is two 3x3 convolutions and a shortcut around them.
func (b *builder) basicBlock(name, x string, channels, stride int) string {
	in := b.shape
	y := b.convNorm(name+".conv1", name+".bn1", name+".relu1", x, square(channels, 3, stride))
	y = b.norm(name+".bn2", b.conv(name+".conv2", y, square(channels, 3, 1)))
	skip := b.paddedShortcut(name, x, in, stride)
	return b.activate(name+".relu", b.node(name+".add", "Add", []string{y, skip}))
}

// paddedShortcut is option A: every second pixel, and channels of zeros around
// those there are.
func (b *builder) paddedShortcut(name, x string, in tensor.Shape, stride int) string {
	if stride > 1 {
		s := int64(stride)
		x = b.node(name+".slice", "Slice", []string{
			x, b.ints("slice.starts", 0, 0), b.ints("slice.ends", math.MaxInt32, math.MaxInt32),
			b.ints("slice.axes", 2, 3), b.ints("slice.steps", s, s),
		})
	}
	if more := int64(b.shape[0] - in[0]); more > 0 {
		pads := b.ints(name+".pads", 0, more/2, 0, 0, 0, more-more/2, 0, 0)
		x = b.node(name+".pad", "Pad", []string{x, pads})
	}
	return x
}

// buildResNet8 has projections for shortcuts, with bias and without
// normalisation, and TensorFlow's padding, as the reference model.
func buildResNet8(b *builder, x string) string {
	x = b.convNorm("conv1", "bn1", "relu", x, square(b.width(16), 3, 1))
	for stage, channels := range []int{16, 32, 64} {
		name := fmt.Sprintf("layer%d.0", stage+1)
		stride := min(2, stage+1)
		in, out := b.shape, b.width(channels)
		y := b.convNorm(name+".conv1", name+".bn1", name+".relu1", x, square(out, 3, stride).same(in))
		y = b.norm(name+".bn2", b.conv(name+".conv2", y, square(out, 3, 1)))
		skip := x
		if stage > 0 {
			after := b.shape
			b.shape = in
			projection := square(out, 1, stride).same(in)
			projection.bias = true
			skip = b.conv(name+".shortcut", x, projection)
			b.shape = after
		}
		x = b.activate(name+".relu", b.node(name+".add", "Add", []string{y, skip}))
	}
	return b.head("fc", b.globalPool(x), b.o.Outputs)
}
