package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

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

// Step makes one step on the batch in: forward pass, loss (which reads the
// outputs of the network and adds to their gradients), backward pass, update.
// It returns the loss. It stops, naming the layer, if something is not finite.
// When ctx is done before the update it returns its error, and the trainer is as
// if the step had not begun.
func (t *Trainer) Step(ctx context.Context, in map[string]*tensor.Tensor, loss func(n *Net) (float64, error)) (float64, error) {
	undo := t.Net.remember()
	value, err := t.gradients(ctx, in, loss)
	if ctx.Err() != nil {
		undo()
		return 0, ctx.Err()
	}
	if err != nil {
		return value, err
	}
	return value, t.Optimiser.Step(t.Schedule.Rate(t.Steps()))
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

// magic begins a saved state; the digit is the version of the format.
const magic = "lutra train 1\n"

// State is all that a training needs to go on exactly: parameters, running
// statistics, optimiser, step and pass.
func (t *Trainer) State() []byte {
	b := binary.LittleEndian.AppendUint64([]byte(magic), t.fingerprint())
	b = binary.LittleEndian.AppendUint64(b, t.Optimiser.steps)
	b = binary.LittleEndian.AppendUint64(b, t.Net.passes)
	for _, x := range t.slots() {
		b = appendFloats(b, x)
	}
	return t.Net.appendCodes(b)
}

// Restore takes over a state that a trainer of the same network and optimiser saved.
func (t *Trainer) Restore(state []byte) error {
	size := len(magic) + 24 + t.Net.codeBytes()
	for _, x := range t.slots() {
		size += 4 * len(x)
	}
	b, ok := bytes.CutPrefix(state, []byte(magic))
	if !ok || len(state) != size || binary.LittleEndian.Uint64(b) != t.fingerprint() {
		return fmt.Errorf("train: state: expected %d bytes of this network and optimiser, found %d bytes of others", size, len(state))
	}
	t.Optimiser.steps = binary.LittleEndian.Uint64(b[8:])
	t.Net.passes = binary.LittleEndian.Uint64(b[16:])
	b = b[24:]
	for _, x := range t.slots() {
		b = takeFloats(x, b)
	}
	return t.Net.takeCodes(b)
}

func (t *Trainer) slots() [][]float32 {
	var all [][]float32
	for _, p := range t.Net.params {
		all = append(all, p.Value)
	}
	for _, b := range t.Net.buffers {
		all = append(all, b.Value)
	}
	return append(all, t.Optimiser.slots()...)
}

// fingerprint tells networks and optimisers apart.
func (t *Trainer) fingerprint() uint64 {
	h := fnv.New64a()
	for _, p := range t.Net.params {
		fmt.Fprintln(h, p.Name, p.Shape)
	}
	for _, b := range t.Net.buffers {
		fmt.Fprintln(h, b.Name, len(b.Value))
	}
	fmt.Fprintln(h, t.Optimiser.options.Rule, len(t.Optimiser.mean))
	return h.Sum64()
}
