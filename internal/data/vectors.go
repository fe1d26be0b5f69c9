package data

import (
	"context"
	"fmt"
	"math/rand/v2"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Vectors are samples that are no images: rows of numbers, each with the
// numbers to learn from it, if there are any.
type Vectors struct {
	name    string
	x, y    []float32
	in, out int // numbers of a row
	rows    []int
}

// OpenVectors reads the rows of a float32 array of two dimensions in NumPy's format.
func OpenVectors(path string) (*Vectors, error) {
	b, err := safe.ReadFile(path, safe.MaxModelBytes)
	if err != nil {
		return nil, err
	}
	t, err := DecodeNPY(path, b)
	if err != nil {
		return nil, err
	}
	if t.DType != tensor.Float32 || len(t.Shape) != 2 || t.Elems() == 0 {
		return nil, &safe.FormatError{File: path, Expected: "a float32 array of samples x features", Found: fmt.Sprintf("%s %v", t.DType, t.Shape)}
	}
	return newVectors(path, t.Float32s(), nil, t.Shape[1], 0), nil
}

// Parabola draws n points x from [-1, 1] with the values x*x to learn.
func Parabola(n int, seed uint64) *Vectors {
	r := rand.New(rand.NewPCG(seed, 0))
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
		y[i] = x[i] * x[i]
	}
	return newVectors("parabola", x, y, 1, 1)
}

func newVectors(name string, x, y []float32, in, out int) *Vectors {
	v := &Vectors{name: name, x: x, y: y, in: in, out: out, rows: make([]int, len(x)/in)}
	for i := range v.rows {
		v.rows[i] = i
	}
	return v
}

// Divide holds out the share test of the rows, drawn by seed.
func (v *Vectors) Divide(test float64, seed uint64) (training, held *Vectors, err error) {
	n := int(float64(len(v.rows)) * test)
	if n < 1 || n >= len(v.rows) {
		return nil, nil, &safe.FormatError{File: v.name, Expected: "enough rows to hold some out for the test", Found: fmt.Sprint(len(v.rows))}
	}
	order := rand.New(rand.NewPCG(seed, 1)).Perm(len(v.rows))
	a, b := *v, *v
	a.rows, b.rows = order[n:], order[:n]
	return &a, &b, nil
}

// Len is the number of rows.
func (v *Vectors) Len() int { return len(v.rows) }

// Features is the number of inputs of a row.
func (v *Vectors) Features() int { return v.in }

// Input writes the inputs of row i.
func (v *Vectors) Input(i int, dst []float32) error {
	if len(dst) != v.in {
		return &safe.FormatError{File: v.name, Field: "features", Expected: fmt.Sprintf("%d, the network's input", len(dst)), Found: fmt.Sprint(v.in)}
	}
	copy(dst, v.x[v.rows[i]*v.in:])
	return nil
}

// Label is Unlabelled.
func (v *Vectors) Label(int) int { return Unlabelled }

// Target is what is to be learned from row i; empty without.
func (v *Vectors) Target(i int) []float32 { return v.y[v.rows[i]*v.out:][:v.out] }

// VectorBatches makes training batches of Vectors, as Batches does of images.
type VectorBatches struct {
	set  *Vectors
	size int
	seed uint64
}

// Batches makes batches of size rows, shuffled by seed.
func (v *Vectors) Batches(size int, seed uint64) (*VectorBatches, error) {
	if size < 1 || size > v.Len() {
		return nil, &safe.FormatError{File: v.name, Field: "batch", Expected: fmt.Sprintf("1 to %d, the number of rows", v.Len()), Found: fmt.Sprint(size)}
	}
	return &VectorBatches{v, size, seed}, nil
}

// Regression says whether there are numbers to learn.
func (b *VectorBatches) Regression() bool { return b.set.out > 0 }

// PerEpoch is the number of batches of an epoch.
func (b *VectorBatches) PerEpoch() int { return b.set.Len() / b.size }

// Epoch calls visit with the batches of an epoch in order, from batch number first on.
func (b *VectorBatches) Epoch(ctx context.Context, epoch, first int, visit func(number int, batch *Batch) error) error {
	order := shuffled(b.set.Len(), b.seed, epoch)
	batch := &Batch{X: make([]float32, b.size*b.set.in), Labels: make([]int, b.size), Targets: make([]float32, b.size*b.set.out)}
	for n := first; n < b.PerEpoch(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch.Indices = order[n*b.size:][:b.size]
		for k, i := range batch.Indices {
			batch.Labels[k] = Unlabelled
			if err := b.set.Input(i, batch.X[k*b.set.in:][:b.set.in]); err != nil {
				return err
			}
			copy(batch.Targets[k*b.set.out:], b.set.Target(i))
		}
		if err := visit(n, batch); err != nil {
			return err
		}
	}
	return nil
}

// shuffled is the order of n samples in an epoch.
func shuffled(n int, seed uint64, epoch int) []int {
	return rand.New(rand.NewPCG(seed, 1<<63|uint64(epoch))).Perm(n)
}
