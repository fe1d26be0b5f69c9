package fit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/tensor"
	"lutra/internal/train"
)

// reconstructBytes bounds the inputs and targets of a piece that are kept.
const reconstructBytes = min(2<<30, math.MaxInt)

// reconstruct trains the network piece by piece: each puts out what the same
// place of the teacher does, from what the pieces before it, trained already,
// put out (Li et al., BRECQ, ICLR 2021). A few hundred images suffice, where
// the scores of the whole network are learned by heart. A piece that gets no
// better on the held-out samples stays as it was.
func (j *job) reconstruct(ctx context.Context) error {
	if j.o.Pieces == 0 || j.at.Pieces < 0 {
		return nil
	}
	all, err := pieces(j.graph, j.output.Name, j.teacher)
	if err != nil {
		return err
	}
	for ; j.at.Pieces < len(all); j.at.Pieces++ {
		if err := j.piece(ctx, all[j.at.Pieces], len(all)); err != nil {
			return err
		}
		if err := j.save(); err != nil {
			return err
		}
	}
	j.at.Pieces = -1
	record := EpochRecord{}
	if err := j.measure(ctx, &record); err != nil {
		return err
	}
	j.at.History.Pieces = &record
	if *record.TestLoss < *j.at.History.Start.TestLoss {
		if j.best, err = stateOf(ctx, j.trainer); err != nil {
			return err
		}
	}
	if err := j.save(); err != nil || j.o.Record == nil {
		return err
	}
	return j.o.Record(&j.at.History)
}

// errEnough ends an epoch of a source early.
var errEnough = errors.New("enough")

// example is a batch of inputs and targets of a piece.
type example struct{ in, target []float32 }

// piece trains one piece.
func (j *job) piece(ctx context.Context, p piece, of int) error {
	present := j.trainer.Net.Graph()
	net, err := train.Compile(ctx, present, train.Options{
		Batch: j.o.Batch, Outputs: []string{p.output}, Inputs: p.inner(j.graph), Threads: j.o.Threads, Level: j.o.Level,
		FrozenNorm: func(*graph.Node) bool { return true }, MeanWords: j.o.MeanWords, Trainable: j.o.trainable(present),
	})
	if err != nil || len(net.Params()) == 0 {
		return err
	}
	scaleRates(net.Params())
	training, held, err := j.examples(ctx, present, p)
	if err != nil {
		return err
	}
	opt := optimisers[j.o.Optimiser]
	opt.Clip = j.o.Clip
	steps := j.o.Pieces * len(training)
	tr := train.NewTrainer(net, opt, train.Schedule{Base: j.o.LearningRate, Cosine: true, Steps: steps})
	before, like, err := j.miss(ctx, net, p, held)
	if err != nil || like < 0.5 { // channels in another order: no target
		return err
	}
	r := rand.New(rand.NewPCG(j.o.Seed, uint64(j.at.Pieces)))
	for range j.o.Pieces {
		for _, i := range r.Perm(len(training)) {
			e := training[i]
			loss, err := tr.Step(ctx, j.feed(p, e.in), func(n *train.Net) (float64, error) { return train.MSE(n.Outputs()[0], 1/e.power(), e.target) })
			switch {
			case err != nil && ctx.Err() != nil:
				return j.interrupted(ctx)
			case err != nil:
				return j.diverged(fmt.Errorf("piece %d, up to %s: %w", j.at.Pieces+1, p.output, err))
			}
			if j.o.Progress != nil {
				j.o.Progress(Progress{Piece: j.at.Pieces + 1, Pieces: of, Step: j.at.Pieces*steps + tr.Steps(), Steps: of * steps, Loss: loss})
			}
		}
	}
	after, _, err := j.miss(ctx, net, p, held)
	if err == nil && after < before {
		j.takeOver(net)
	}
	return err
}

// power is the mean square of the targets.
func (e example) power() float64 {
	sum := 0.
	for _, v := range e.target {
		sum += float64(v) * float64(v)
	}
	return max(sum/float64(len(e.target)), 1e-12)
}

// inner is the piece's input if it is no input of g.
func (p piece) inner(g *graph.Graph) []graph.Value {
	if p.input.Name == g.Inputs[0].Name {
		return nil
	}
	return []graph.Value{p.input}
}

// feed are the inputs of the net of a piece. The image that the network reads
// is asked for, but not looked at, behind the first piece.
func (j *job) feed(p piece, x []float32) map[string]*tensor.Tensor {
	in := map[string]*tensor.Tensor{}
	for _, v := range append(p.inner(j.graph), j.graph.Inputs[0]) {
		shape := tensor.Shape{j.o.Batch}
		for _, d := range v.Dims[1:] {
			shape = append(shape, d.Size)
		}
		if v.Name == p.input.Name {
			in[v.Name] = tensor.Of(x, shape...)
		} else {
			in[v.Name] = tensor.New(tensor.Float32, shape...)
		}
	}
	return in
}

// examples are inputs and targets of p for the training samples, as the first
// epoch shows them, and for the held-out ones.
func (j *job) examples(ctx context.Context, g *graph.Graph, p piece) (training, held []example, err error) {
	var student *runner
	if p.inner(j.graph) != nil {
		if student, err = newRunner(ctx, g, p.input.Name, j.o.Batch, engine.Float32, j.o); err != nil {
			return nil, nil, err
		}
	}
	taught, err := newRunner(ctx, j.teacher.graph, p.target, j.o.Batch, engine.Float32, j.o)
	if err != nil {
		return nil, nil, err
	}
	shape := tensor.Shape{j.o.Batch}
	for _, d := range j.graph.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	example := func(x []float32) (e example, err error) {
		image := tensor.Of(x, shape...)
		if student == nil {
			e.in = append(e.in, x...)
		} else if y, err := student.run(ctx, image); err != nil {
			return e, err
		} else {
			e.in = append(e.in, y...)
		}
		y, err := taught.run(ctx, image)
		e.target = append(e.target, y...)
		return e, err
	}
	room := reconstructBytes
	err = j.src.Epoch(ctx, 0, 0, func(_ int, b *data.Batch) error {
		e, err := example(b.X)
		if err != nil {
			return err
		}
		training = append(training, e)
		if room -= 4 * (len(e.in) + len(e.target)); room < 0 {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return nil, nil, err
	}
	x := make([]float32, shape.Elems())
	for first := 0; first+j.o.Batch <= j.test.Len() || first == 0; first += j.o.Batch {
		for i := range j.o.Batch {
			if err := j.test.Input((first+i)%j.test.Len(), x[i*len(x)/j.o.Batch:][:len(x)/j.o.Batch]); err != nil {
				return nil, nil, err
			}
		}
		e, err := example(x)
		if err != nil {
			return nil, nil, err
		}
		held = append(held, e)
	}
	return training, held, nil
}

// miss is the squared error of the net's outputs over that of the targets, and
// how alike the two are: their correlation without means.
func (j *job) miss(ctx context.Context, n *train.Net, p piece, examples []example) (miss, like float64, err error) {
	var wrong, cross, own, all float64
	for _, e := range examples {
		if err := n.Forward(ctx, j.feed(p, e.in), false); err != nil {
			return 0, 0, err
		}
		for i, v := range n.Outputs()[0].Data {
			a, b := float64(v), float64(e.target[i])
			wrong, cross, own, all = wrong+(a-b)*(a-b), cross+a*b, own+a*a, all+b*b
		}
	}
	return wrong / max(all, 1e-30), cross / max(math.Sqrt(own*all), 1e-30), nil
}

// takeOver copies the parameters of the net of a piece to the whole network's.
func (j *job) takeOver(n *train.Net) {
	for _, p := range n.Params() {
		for _, q := range j.trainer.Net.Params() {
			if p.Name == q.Name {
				copy(q.Value, p.Value)
			}
		}
	}
}
