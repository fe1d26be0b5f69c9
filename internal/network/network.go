// Package network builds the standard small networks as graphs ready to be
// trained: convolutions without bias in front of BatchNormalization, the batch
// left open, values and parameters named as PyTorch names them, and weights
// drawn from a seed.
package network

import (
	"fmt"
	"slices"
	"strings"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Task is what a network is trained for.
type Task uint8

// The tasks.
const (
	Classify    Task = iota // classes of images: cross-entropy of the logits
	Reconstruct             // its own input: mean squared error
	Regress                 // numbers: mean squared error
)

// Network is a row of the table of networks.
type Network struct {
	Name, Doc string
	Task      Task
	Data      string // what it is meant for: mnist, cifar10, fsdd, kws, parabola; "features" of the user's own
	// Preprocess is the preset of package data that turns images into its input.
	Preprocess string
	Input      tensor.Shape // default shape of a sample: channels, height, width; or features
	Outputs    int          // default number of classes or values; 0 for Reconstruct, which has those of its input
	Recipe     Recipe

	activation string // default
	build      func(b *builder, x string) string
}

// Recipe is how a network is trained unless the user says otherwise. The
// learning rate falls along a cosine from its highest to 0.
type Recipe struct {
	Epochs, Batch  int
	Optimiser      string // sgd (momentum 0.9), adam, adamw
	LearningRate   float64
	WeightDecay    float64
	LabelSmoothing float64
	Augment        string // see data.ParseAugment
}

// Options chooses among the forms of a network. The zero value takes the defaults of its row.
type Options struct {
	Input      tensor.Shape // of a sample, without the batch; nil: the network's
	Outputs    int          // classes or values; 0: the network's
	Activation string       // see Activations; "": the network's
	Width      float64      // factor on the channels and units inside; 0: 1
	Seed       uint64       // of the initial weights
}

// Names lists the networks in the order of the table.
func Names() []string {
	var names []string
	for _, n := range networks {
		names = append(names, n.Name)
	}
	return names
}

// All is the table of networks.
func All() []Network { return slices.Clone(networks) }

// Lookup finds a network by name.
func Lookup(name string) (Network, error) {
	for _, n := range networks {
		if n.Name == name {
			return n, nil
		}
	}
	return Network{}, fmt.Errorf("network %q: expected one of %s", name, strings.Join(Names(), ", "))
}

// maxSide bounds each dimension of an input and each width inside, so that no
// option can ask for memory that no network of this table needs.
const maxSide = 4096

// Build makes the graph. Its input is called input; its output logits,
// reconstruction or output by task, of shape [batch, Outputs] or that of the input.
func (n Network) Build(o Options) (*graph.Graph, error) {
	if o.Input == nil {
		o.Input = n.Input
	}
	if o.Outputs == 0 {
		o.Outputs = n.Outputs
	}
	if o.Activation == "" {
		o.Activation = n.activation
	}
	if o.Width == 0 {
		o.Width = 1
	}
	if err := n.check(o); err != nil {
		return nil, fmt.Errorf("network %s: %w", n.Name, err)
	}
	b := newBuilder(n, o)
	y := n.build(b, "input")
	if b.err != nil {
		return nil, fmt.Errorf("network %s: %w", n.Name, b.err)
	}
	b.output(y)
	return b.g, b.g.Validate()
}

func (n Network) check(o Options) error {
	if len(o.Input) != len(n.Input) {
		return fmt.Errorf("input %v: expected %d dimensions as in %v", o.Input, len(n.Input), n.Input)
	}
	for _, d := range o.Input {
		if d < 1 || d > maxSide {
			return fmt.Errorf("input %v: expected dimensions of 1 to %d", o.Input, maxSide)
		}
	}
	switch {
	case n.Task == Reconstruct && o.Outputs != 0:
		return fmt.Errorf("outputs %d: expected none, an auto-encoder yields its input", o.Outputs)
	case n.Task != Reconstruct && (o.Outputs < 1 || o.Outputs > 1<<20):
		return fmt.Errorf("outputs %d: expected 1 to %d", o.Outputs, 1<<20)
	case !(o.Width > 0 && o.Width <= 16):
		return fmt.Errorf("width %g: expected above 0, at most 16", o.Width)
	case !slices.Contains(Activations(), o.Activation):
		return fmt.Errorf("activation %q: expected one of %s", o.Activation, strings.Join(Activations(), ", "))
	}
	return nil
}
