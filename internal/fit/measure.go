package fit

import (
	"context"
	"fmt"
	"math"

	"lutra/internal/network"
	"lutra/internal/tensor"
)

// Test is what a network is tested on, as package data's Inputs.
type Test interface {
	Len() int
	Input(i int, dst []float32) error // sample i, without the batch dimension
	Label(i int) int
}

// Targets are the numbers that a regression is tested against.
type Targets interface{ Target(i int) []float32 }

// testBatch is the number of samples of an inference.
const testBatch = 50

// measure tests the network as it will be written, with the inference engine.
func (j *job) measure(ctx context.Context, r *EpochRecord) error {
	g := j.trained()
	batch := min(testBatch, j.test.Len())
	if n := g.Inputs[0].Dims[0].Size; n > 0 {
		batch = n
	}
	engine, err := newRunner(g, j.output.Name, batch, j.o)
	if err != nil {
		return err
	}
	shape := tensor.Shape{batch}
	for _, d := range g.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	x := tensor.New(tensor.Float32, shape...)
	size := x.Elems() / batch
	right, loss := 0, 0.
	for first := 0; first < j.test.Len(); first += batch {
		n := min(batch, j.test.Len()-first)
		for i := range n {
			if err := j.test.Input(first+i, x.Float32s()[i*size:][:size]); err != nil {
				return err
			}
		}
		y, err := engine.run(ctx, x)
		if err != nil {
			return err
		}
		outputs := len(y) / batch
		for i := range n {
			row := y[i*outputs:][:outputs]
			switch j.task {
			case network.Classify:
				label := j.test.Label(first + i)
				if argMax(row) == label {
					right++
				}
				loss += crossEntropy(row, label)
			case network.Reconstruct:
				loss += meanSquare(row, x.Float32s()[i*size:][:size])
			case network.Regress:
				loss += meanSquare(row, j.test.(Targets).Target(first+i))
			}
		}
	}
	n := float64(j.test.Len())
	l := loss / n
	if math.IsNaN(l) || math.IsInf(l, 0) {
		return j.diverged(fmt.Errorf("the test loss is %v", l))
	}
	r.TestLoss = &l
	if j.task == network.Classify {
		t := float64(right) / n
		r.TestTop1 = &t
	}
	return nil
}

func crossEntropy(logits []float32, label int) float64 {
	largest, sum := math.Inf(-1), 0.
	for _, v := range logits {
		largest = max(largest, float64(v))
	}
	for _, v := range logits {
		sum += math.Exp(float64(v) - largest)
	}
	return largest + math.Log(sum) - float64(logits[label])
}

func meanSquare(a, b []float32) float64 {
	sum := 0.
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return sum / float64(len(a))
}
