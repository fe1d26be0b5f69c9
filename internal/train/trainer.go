package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// Trainer is a network with its optimiser and schedule.
type Trainer struct {
	Net       *Net
	Optimiser *Optimiser
	Schedule  Schedule
}

// NewTrainer trains all parameters of n.
func NewTrainer(n *Net, o OptimiserOptions, s Schedule) *Trainer {
	t := &Trainer{Net: n, Optimiser: NewOptimiser(n.Params(), o), Schedule: s}
	t.Optimiser.crew = n.crew
	return t
}

// Steps is the number of steps made.
func (t *Trainer) Steps() int { return int(t.Optimiser.steps) }

// Graph is Net.Graph with averaged weights where the optimiser keeps them.
func (t *Trainer) Graph() *graph.Graph {
	t.Optimiser.swapAverage()
	defer t.Optimiser.swapAverage()
	return t.Net.Graph()
}

// Step makes one step on the batch in: forward pass, loss (which reads the
// outputs of the network and adds to their gradients), backward pass, update.
// It returns the loss. It stops, naming the layer, if something is not finite.
// When ctx is done before the update it returns its error, and the trainer is as
// if the step had not begun.
func (t *Trainer) Step(ctx context.Context, in map[string]*tensor.Tensor, loss func(n *Net) (float64, error)) (float64, error) {
	undo := t.Net.remember()
	value, err := t.gradients(ctx, in, loss)
	if err == nil {
		err = t.Optimiser.Step(ctx, t.Schedule.Rate(t.Steps()))
	}
	if err != nil && ctx.Err() != nil {
		undo()
		return 0, ctx.Err()
	}
	return value, err
}

// gradients is the part of a step that can be undone.
func (t *Trainer) gradients(ctx context.Context, in map[string]*tensor.Tensor, loss func(n *Net) (float64, error)) (float64, error) {
	if err := t.Net.Forward(ctx, in, true); err != nil {
		return 0, err
	}
	value, err := loss(t.Net)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return value, fmt.Errorf("train: step %d: the loss is %v%s", t.Steps()+1, value, t.Net.blame(in))
	}
	return value, t.Net.Backward(ctx)
}

// remember returns a function that undoes passes.
func (n *Net) remember() func() {
	passes, old := n.passes, make([][]float32, len(n.buffers))
	for i, b := range n.buffers {
		old[i] = slices.Clone(b.Value)
	}
	return func() {
		n.passes = passes
		for i, b := range n.buffers {
			copy(b.Value, old[i])
		}
	}
}

// blame names the first parameter, input or layer that is not finite. It runs
// the forward pass again, as memory is reused.
func (n *Net) blame(in map[string]*tensor.Tensor) string {
	for _, p := range n.params {
		if !finite(p.Value) {
			return fmt.Sprintf(": parameter %q is not finite", p.Name)
		}
	}
	n.crew.start(context.Background())
	defer n.crew.stop()
	if n.feed(in) != nil {
		return ""
	}
	for _, v := range n.inputs {
		if !finite(v.data) {
			return fmt.Sprintf(": input %q is not finite", v.name)
		}
	}
	for _, op := range n.ops {
		if k, ok := op.(*norm); ok {
			k.update = false
		}
		op.forward(n.crew)
		if !finite(op.ends().out.data) {
			return fmt.Sprintf(": the first values that are not finite leave %s", op.ends().label)
		}
	}
	return ""
}

func finite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}
