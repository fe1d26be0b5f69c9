package fit

import (
	"context"
	"fmt"
	"slices"

	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// runner computes one output of a graph for batches of one shape.
type runner struct {
	input, output string
	plan          *engine.Plan
	session       *engine.Session
}

func newRunner(ctx context.Context, g *graph.Graph, output string, batch int, mode engine.Mode, o Options) (*runner, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := engine.Compile(g, engine.Options{Threads: o.Threads, Level: o.Level, Mode: mode})
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // compiling large networks takes a while
		return nil, err
	}
	r := &runner{input: g.Inputs[0].Name, output: output, session: m.NewSession()}
	shape := tensor.Shape{batch}
	for _, d := range g.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	r.plan, err = m.Plan(map[string]tensor.Shape{r.input: shape}, []string{output})
	return r, err
}

func (r *runner) run(ctx context.Context, x *tensor.Tensor) ([]float32, error) {
	out, err := r.session.Run(ctx, r.plan, map[string]*tensor.Tensor{r.input: x})
	if err != nil {
		return nil, err
	}
	return out[r.output].Float32s(), nil
}

// teacher yields the logits that the network learns.
type teacher struct {
	*runner
	graph *graph.Graph
}

// newTeacher refuses a teacher of other inputs or outputs than the student g.
func newTeacher(ctx context.Context, g *graph.Graph, o Options) (*teacher, error) {
	t := o.Teacher
	if err := t.Validate(); err != nil {
		return nil, err
	}
	_, logits, err := TaskOf(t)
	if err != nil {
		return nil, err
	}
	fail := func(field, want, got string) (*teacher, error) {
		return nil, &safe.FormatError{File: t.File, Field: field, Expected: want, Found: got, Hint: "teacher and student must fit each other"}
	}
	student, in := g.Inputs[0].Dims[1:], t.Inputs[0].Dims[1:]
	fits := func(a, b graph.Dim) bool { return a.Size == b.Size || b.Size < 0 }
	if !slices.EqualFunc(student, in, fits) {
		return fail("input", "the student's "+dimsText(student), dimsText(in))
	}
	if a, b := Classes(g), Classes(t); a != b {
		return fail("classes", fmt.Sprintf("the student's %d", a), fmt.Sprint(b))
	}
	// The input is the student's, whose sizes are all known.
	sized := *t
	sized.Inputs = slices.Clone(g.Inputs)
	sized.Inputs[0].Name = t.Inputs[0].Name
	if !opensBatch(&sized, logits, o.Batch) {
		return fail("batch size", fmt.Sprintf("one that can be %d", o.Batch), "a fixed one")
	}
	r, err := newRunner(ctx, &sized, logits, o.Batch, o.TeacherMode, o)
	return &teacher{r, &sized}, err
}

// opensBatch reports whether g computes an output of n rows for n samples: the
// batch size that a file declares may mean nothing, that of a Reshape does.
func opensBatch(g *graph.Graph, output string, n int) bool {
	shape := tensor.Shape{n}
	for _, d := range g.Inputs[0].Dims[1:] {
		shape = append(shape, d.Size)
	}
	p, err := g.Specialize(map[string]graph.Type{g.Inputs[0].Name: {DType: tensor.Float32, Shape: shape}}, []string{output})
	return err == nil && len(p.Types[output].Shape) > 0 && p.Types[output].Shape[0] == n
}

// sized is the teacher for another batch size.
func (t *teacher) sized(ctx context.Context, batch int, o Options) (*runner, error) {
	return newRunner(ctx, t.graph, t.output, batch, o.TeacherMode, o)
}

func dimsText(dims []graph.Dim) string {
	s := make(tensor.Shape, len(dims))
	for i, d := range dims {
		s[i] = d.Size
	}
	return s.String()
}
