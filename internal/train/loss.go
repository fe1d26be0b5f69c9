package train

import (
	"fmt"
	"math"
)

// The losses add weight times their gradient to o.Grad and return weight times
// their value, both for the mean over the batch, so that a sum of several is a
// sequence of calls. Classes are the last dimension of an output.

// CrossEntropy is that of softmax(o) against labels, one per row of o, with
// label smoothing: every class has smoothing/classes, the label the rest.
func CrossEntropy(o *Output, weight float64, labels []int, smoothing float64) (float64, error) {
	rows, classes := o.rows()
	if len(labels) != rows {
		return 0, fmt.Errorf("train: output %q: %d labels expected, found %d", o.Name, rows, len(labels))
	}
	target := make([]float64, classes)
	loss := 0.0
	for r, label := range labels {
		if label < 0 || label >= classes {
			return 0, fmt.Errorf("train: output %q: label 0 to %d expected, found %d", o.Name, classes-1, label)
		}
		for i := range target {
			target[i] = smoothing / float64(classes)
		}
		target[label] += 1 - smoothing
		loss += o.crossEntropy(r, weight/float64(rows), 1, target)
	}
	return loss, nil
}

// SoftCrossEntropy is that of softmax(o) against target, a distribution per row of o.
func SoftCrossEntropy(o *Output, weight float64, target []float32) (float64, error) {
	rows, classes := o.rows()
	if len(target) != len(o.Data) {
		return 0, fmt.Errorf("train: output %q: targets of %d numbers expected, found %d", o.Name, len(o.Data), len(target))
	}
	row, loss := make([]float64, classes), 0.0
	for r := range rows {
		for i, v := range target[r*classes:][:classes] {
			row[i] = float64(v)
		}
		loss += o.crossEntropy(r, weight/float64(rows), 1, row)
	}
	return loss, nil
}

// Distillation is temperature^2 times the Kullback-Leibler divergence of
// softmax(o/temperature) from softmax(teacher/temperature) (Hinton, Vinyals
// and Dean 2015); teacher holds logits.
func Distillation(o *Output, weight float64, teacher []float32, temperature float64) (float64, error) {
	rows, classes := o.rows()
	if len(teacher) != len(o.Data) || !(temperature > 0) {
		return 0, fmt.Errorf("train: output %q: %d logits of a teacher and a positive temperature expected, found %d and %v", o.Name, len(o.Data), len(teacher), temperature)
	}
	target, loss := make([]float64, classes), 0.0
	scale := weight / float64(rows) * temperature * temperature
	for r := range rows {
		logits := teacher[r*classes:][:classes]
		total := logSum(logits, temperature)
		entropy := 0.0
		for i, v := range logits {
			l := float64(v)/temperature - total
			target[i] = math.Exp(l)
			entropy -= target[i] * l
		}
		loss += o.crossEntropy(r, scale, temperature, target) - scale*entropy
	}
	return loss, nil
}

// MSE is the mean of the squares of the differences of o and target.
func MSE(o *Output, weight float64, target []float32) (float64, error) {
	if len(target) != len(o.Data) {
		return 0, fmt.Errorf("train: output %q: targets of %d numbers expected, found %d", o.Name, len(o.Data), len(target))
	}
	loss, scale := 0.0, weight/float64(len(target))
	for i, v := range o.Data {
		d := float64(v) - float64(target[i])
		loss += scale * d * d
		o.Grad[i] += float32(2 * scale * d)
	}
	return loss, nil
}

// rows is the number of rows and the length of one.
func (o *Output) rows() (rows, classes int) {
	if len(o.Shape) == 0 {
		return 1, 1
	}
	classes = o.Shape[len(o.Shape)-1]
	return len(o.Data) / classes, classes
}

// crossEntropy is scale times the cross-entropy of row r, softened, against
// target, whose sum is 1. The gradient is scale*(softmax - target)/temperature.
func (o *Output) crossEntropy(r int, scale, temperature float64, target []float64) float64 {
	logits := o.Data[r*len(target):][:len(target)]
	grad := o.Grad[r*len(target):][:len(target)]
	total := logSum(logits, temperature)
	loss := 0.0
	for i, v := range logits {
		l := float64(v)/temperature - total
		loss -= target[i] * l
		grad[i] += float32(scale / temperature * (math.Exp(l) - target[i]))
	}
	return scale * loss
}

// logSum is the logarithm of the sum of e^(x/temperature).
func logSum(x []float32, temperature float64) float64 {
	largest, sum := math.Inf(-1), 0.0
	for _, v := range x {
		largest = max(largest, float64(v)/temperature)
	}
	for _, v := range x {
		sum += math.Exp(float64(v)/temperature - largest)
	}
	return largest + math.Log(sum)
}
