package fit

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/network"
	"lutra/internal/tensor"
)

// Test is what a network is tested on, as package data's Inputs. Where a label
// is data.Unlabelled, the class that the teacher finds best stands for it.
type Test interface {
	Len() int
	Input(i int, dst []float32) error // sample i, without the batch dimension
	Label(i int) int
}

// Targets are the numbers that a regression is tested against.
type Targets interface{ Target(i int) []float32 }

// testBatch is the number of samples of an inference.
const testBatch = 50

// exam is one test of the network as it will be written, by the inference engine.
type exam struct {
	*job
	student *runner
	scorer  *runner        // of the teacher; nil until it is needed
	x       *tensor.Tensor // a batch
	right   int
	loss    float64
}

// measure tests the network and completes the record.
func (j *job) measure(ctx context.Context, r *EpochRecord) error {
	e, err := j.newExam(ctx)
	if err != nil {
		return err
	}
	batch := e.x.Shape[0]
	for first := 0; first < j.test.Len(); first += batch {
		if err := e.batch(ctx, first, min(batch, j.test.Len()-first)); err != nil {
			return err
		}
	}
	n := float64(j.test.Len())
	loss, right := e.loss/n, float64(e.right)/n
	runtime.GC() // activations of 50 samples, which would double the peak of memory until the next test
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return j.diverged(fmt.Errorf("the test loss is %v", loss))
	}
	r.TestLoss = &loss
	if j.task == network.Classify {
		r.TestTop1 = &right
	}
	return nil
}

func (j *job) newExam(ctx context.Context) (*exam, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := j.trained(ctx)
	if err != nil {
		return nil, err
	}
	shape := tensor.Shape{min(testBatch, j.test.Len())}
	if n := g.Inputs[0].Dims[0].Size; n > 0 {
		shape[0] = n
	}
	for _, d := range g.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	e := &exam{job: j, x: tensor.New(tensor.Float32, shape...)}
	e.student, err = newRunner(ctx, g, j.output.Name, shape[0], engine.Float32, j.o)
	return e, err
}

// keptScores bounds the bytes of the teacher's scores that are kept: those of
// 67,000 samples of 1000 classes.
const keptScores = 256 << 20

// taught is the teacher's scores of the batch in x, whose first sample is
// number first. No training changes them: they are computed once and kept
// while there is room, those of later samples are computed at every test.
func (e *exam) taught(ctx context.Context, first int) ([]float32, error) {
	if y := e.scores[first]; y != nil {
		return y, nil
	}
	var err error
	if e.scorer == nil {
		if e.scorer, err = e.teacher.sized(ctx, e.x.Shape[0], e.o); err != nil {
			return nil, err
		}
	}
	y, err := e.scorer.run(ctx, e.x)
	if err == nil && 4*len(y)*(len(e.scores)+1) <= keptScores {
		e.scores[first] = slices.Clone(y)
	}
	return y, err
}

// batch scores samples first...first+n-1.
func (e *exam) batch(ctx context.Context, first, n int) error {
	size := e.x.Elems() / e.x.Shape[0]
	for i := range n {
		if err := e.test.Input(first+i, e.x.Float32s()[i*size:][:size]); err != nil {
			return err
		}
	}
	y, err := e.student.run(ctx, e.x)
	if err != nil {
		return err
	}
	outputs := len(y) / e.x.Shape[0]
	var taught []float32
	for i := range n {
		row := y[i*outputs:][:outputs]
		switch e.task {
		case network.Reconstruct:
			e.loss += meanSquare(row, e.x.Float32s()[i*size:][:size])
			continue
		case network.Regress:
			e.loss += meanSquare(row, e.test.(Targets).Target(first+i))
			continue
		}
		label, distilled := e.test.Label(first+i), e.o.Baseline && e.teacher != nil
		share := e.o.TeacherWeight // of the teacher in the loss
		if taught == nil && (distilled || label == data.Unlabelled) {
			if taught, err = e.taught(ctx, first); err != nil {
				return err
			}
		}
		if label == data.Unlabelled {
			label, share = argMax(taught[i*outputs:][:outputs]), 1
		}
		if argMax(row) == label {
			e.right++
		}
		if distilled {
			e.loss += share*divergence(taught[i*outputs:][:outputs], row) + (1-share)*crossEntropy(row, label)
		} else {
			e.loss += crossEntropy(row, label)
		}
	}
	return nil
}

// divergence is that of Kullback and Leibler of the classes of logits from those of the teacher.
func divergence(teacher, logits []float32) float64 {
	a, b := logSum(teacher), logSum(logits)
	sum := 0.
	for i, v := range teacher {
		p := float64(v) - a
		sum += math.Exp(p) * (p - float64(logits[i]) + b)
	}
	return sum
}

func crossEntropy(logits []float32, label int) float64 {
	return logSum(logits) - float64(logits[label])
}

// logSum is the logarithm of the sum of e^x.
func logSum(x []float32) float64 {
	largest, sum := math.Inf(-1), 0.
	for _, v := range x {
		largest = max(largest, float64(v))
	}
	for _, v := range x {
		sum += math.Exp(float64(v) - largest)
	}
	return largest + math.Log(sum)
}

func meanSquare(a, b []float32) float64 {
	sum := 0.
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return sum / float64(len(a))
}
