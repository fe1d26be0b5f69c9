package network

import (
	"slices"

	"lutra/internal/tensor"
)

// networks is the table of all networks: what each is, where it comes from and how it is trained.
var networks = slices.Concat([]Network{
	{
		Name: "mlp", Doc: "LeNet-300-100: two hidden fully connected layers (LeCun et al., 1998)",
		Data: "mnist", Preprocess: "mnist", Input: tensor.Shape{1, 28, 28}, Outputs: 10, activation: "relu",
		Recipe: Recipe{Epochs: 20, Batch: 128, Optimiser: "adam", LearningRate: 1e-3, Augment: "none"},
		build:  buildMLP,
	},
	{
		Name: "lenet", Doc: "LeNet-5 as Caffe has it: 20 and 50 filters of 5x5, 500 hidden units",
		Data: "mnist", Preprocess: "mnist", Input: tensor.Shape{1, 28, 28}, Outputs: 10, activation: "relu",
		Recipe: Recipe{Epochs: 10, Batch: 128, Optimiser: "adam", LearningRate: 2e-3, Augment: "crop:2"},
		build:  buildLeNet,
	},
	{
		Name: "resnet8", Doc: "MLPerf Tiny's image classifier: three residual blocks, 12.5 M multiplications",
		Data: "cifar10", Preprocess: "cifar", Input: tensor.Shape{3, 32, 32}, Outputs: 10, activation: "relu",
		Recipe: cifarRecipe, build: buildResNet8,
	},
	{
		Name: "alexnet-cifar", Doc: "AlexNet at half its width for images of 32x32: five convolutions, three fully connected layers",
		Data: "cifar10", Preprocess: "cifar", Input: tensor.Shape{3, 32, 32}, Outputs: 10, activation: "relu",
		Recipe: cifarRecipe, build: buildAlexNet,
	},
	{
		Name: "vgg-small", Doc: "the VGG of quantisation papers: convolutions of 128, 128, 256, 256, 512, 512 channels",
		Data: "cifar10", Preprocess: "cifar", Input: tensor.Shape{3, 32, 32}, Outputs: 10, activation: "relu",
		Recipe: cifarRecipe, build: buildVGGSmall,
	},
	{
		Name: "ds-cnn", Doc: "keyword spotting of MLPerf Tiny: depthwise separable convolutions (Zhang et al., 2017) on 49x10 MFCC",
		Data: "kws", Preprocess: "mfcc", Input: tensor.Shape{1, 49, 10}, Outputs: 12, activation: "relu",
		Recipe: speechRecipe, build: buildDSCNN,
	},
	{
		Name: "ds-cnn-fsdd", Doc: "the same network on the log-mel spectra (64 frames of 20 bands) of spoken digits",
		Data: "fsdd", Preprocess: "speech", Input: tensor.Shape{1, 64, 20}, Outputs: 10, activation: "relu",
		Recipe: speechRecipe, build: buildDSCNN,
	},
	{
		Name: "autoencoder-mnist", Doc: "fully connected auto-encoder of digits: 784-256-64-256-784", Task: Reconstruct,
		Data: "mnist", Preprocess: "grey", Input: tensor.Shape{1, 28, 28}, activation: "relu",
		Recipe: Recipe{Epochs: 20, Batch: 128, Optimiser: "adam", LearningRate: 1e-3, Augment: "none"},
		build:  buildDenseAutoencoder,
	},
	{
		Name: "autoencoder-cifar", Doc: "convolutional auto-encoder of 16x16 patches: strided convolutions down, sub-pixel convolutions up", Task: Reconstruct,
		Data: "cifar10", Preprocess: "unit", Input: tensor.Shape{3, 16, 16}, activation: "relu",
		Recipe: Recipe{Epochs: 20, Batch: 128, Optimiser: "adam", LearningRate: 2e-3, Augment: "patch,flip"},
		build:  buildConvAutoencoder,
	},
	{
		Name: "autoencoder-ad", Doc: "anomaly detection of MLPerf Tiny: 640-128x4-8-128x4-640", Task: Reconstruct,
		Data: "features", Input: tensor.Shape{640}, activation: "relu",
		Recipe: Recipe{Epochs: 50, Batch: 128, Optimiser: "adam", LearningRate: 1e-3, Augment: "none"},
		build:  buildAnomaly,
	},
	{
		Name: "parabola", Doc: "two hidden layers of 16 units that learn y = x*x on [-1, 1]", Task: Regress,
		Data: "parabola", Input: tensor.Shape{1}, Outputs: 1, activation: "tanh",
		Recipe: Recipe{Epochs: 60, Batch: 32, Optimiser: "adam", LearningRate: 1e-2, Augment: "none"},
		build:  buildParabola,
	},
}, cifarResNets)

var (
	cifarRecipe  = Recipe{Epochs: 60, Batch: 128, Optimiser: "sgd", LearningRate: 0.1, WeightDecay: 5e-4, Augment: "crop:4,flip"}
	speechRecipe = Recipe{Epochs: 40, Batch: 64, Optimiser: "adam", LearningRate: 2e-3, WeightDecay: 1e-4, Augment: "crop:6:1"}
)
