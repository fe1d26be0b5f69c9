package engine

import (
	"context"
	"fmt"
	"math"
	"time"
	"unsafe"

	"lutra/internal/kernel"
	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// Session runs plans of one model. It owns the memory for activations, which
// it keeps from run to run; one goroutine may use it at a time.
type Session struct {
	model   *Model
	threads []*thread
	arena   []byte
	data    [][]byte // per buffer of the plan that runs
	marks   []mark   // per stage of the plan that runs
	shares  []share  // per stage and thread

	profile []time.Duration // per step of the last run, if asked for
	timed   bool
	poison  bool // overwrite dead buffers with NaN, for tests
}

// thread is what one worker of a session owns.
type thread struct {
	session *Session
	tile    kernel.TileArgs
	scratch []float32
	results []float32 // see activationScratch

	byteTile  kernel.TileI8Args
	halfTile  kernel.TileBF16Args
	depthwise kernel.DepthwiseI8Args
	coded     kernel.CodedI8
	held      [2]heldPanels
	panels    [2][]int8
	decoded   []kernel.BF16
	strip     stripRoom
}

// NewSession makes a session. It allocates its memory when it first runs.
func (m *Model) NewSession() *Session {
	s := &Session{model: m}
	for range m.threads {
		s.threads = append(s.threads, &thread{session: s})
	}
	return s
}

// floats is the storage of v in the plan that runs.
func (t *thread) floats(v *value) []float32 { return float32s(t.bytes(v)) }

func (t *thread) bytes(v *value) []byte { return t.session.data[v.root().buf] }

// halves is the storage of v, which is kept in bfloat16.
func (t *thread) halves(v *value) []kernel.BF16 { return halves(t.bytes(v)) }

// halvesOrNil and floatsOrNil are nil for values of the other kind.
func (t *thread) halvesOrNil(v *value) []kernel.BF16 {
	if !v.half {
		return nil
	}
	return t.halves(v)
}

func (t *thread) floatsOrNil(v *value) []float32 {
	if v.half {
		return nil
	}
	return t.floats(v)
}

func halves(b []byte) []kernel.BF16 {
	return unsafe.Slice((*kernel.BF16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

func float32s(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func int32s(x []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// floatScratch is n floats that belong to the thread until it asks again.
func (t *thread) floatScratch(n int) []float32 {
	if cap(t.scratch) < n {
		t.scratch = alignedFloats(n)
	}
	return t.scratch[:n]
}

// activationScratch is n floats for the results that an activation turns into
// bytes. They belong to the thread until it asks again.
func (t *thread) activationScratch(n int) []float32 {
	if cap(t.results) < n {
		t.results = alignedFloats(n)
	}
	return t.results[:n]
}

// byteScratch is n bytes, one for each plane of weights, that belong to the
// thread until it asks again.
func (t *thread) byteScratch(plane, n int) []int8 {
	if cap(t.panels[plane]) < n {
		t.panels[plane] = alignedBytes(n)
	}
	return t.panels[plane][:n]
}

// halfScratch is n numbers that belong to the thread until it asks again.
func (t *thread) halfScratch(n int) []kernel.BF16 {
	if cap(t.decoded) < n {
		t.decoded = alignedHalves(n)
	}
	return t.decoded[:n]
}

// alignedHalves is n zeros that start on a cache line.
func alignedHalves(n int) []kernel.BF16 { return halves(tensor.New(tensor.Uint8, 2*n).Bytes()) }

// alignedBytes is n zeros that start on a cache line.
func alignedBytes(n int) []int8 {
	b := tensor.New(tensor.Int8, n).Bytes()
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// alignedFloats is n zeros that start on a cache line.
func alignedFloats(n int) []float32 { return float32s(tensor.New(tensor.Float32, n).Bytes()) }

// Timed makes later runs measure every step, for Profile.
func (s *Session) Timed(on bool) { s.timed = on }

// Profile is the time of each step of the last run, in the order of
// Plan.Steps; nil unless Timed.
func (s *Session) Profile() []time.Duration { return s.profile }

// Run computes the outputs of p. The inputs must have the shapes p was made
// for; they are only read. The outputs are new tensors that the session does
// not touch again. When ctx ends Run returns its error within one unit of work.
func (s *Session) Run(ctx context.Context, p *Plan, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	return s.RunInto(ctx, p, in, nil)
}

// RunInto is Run with output tensors of the caller's: those in out that have
// the name, type and shape of an output are used instead of new ones. They
// must not share memory with the inputs.
func (s *Session) RunInto(ctx context.Context, p *Plan, in, out map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	results, err := s.bind(p, in, out)
	if err != nil {
		return nil, err
	}
	if err := s.execute(ctx, p); err != nil {
		return nil, err
	}
	for _, o := range p.outputs {
		// Outputs that live elsewhere: a constant, an input, another output.
		if dst, src := results[o.name].Bytes(), s.data[o.buf]; len(dst) > 0 && &dst[0] != &src[0] {
			copy(dst, src)
		}
	}
	return results, nil
}

// bind points every buffer of p at its memory and makes the output tensors.
func (s *Session) bind(p *Plan, in, out map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	if len(s.arena) < p.arena {
		s.arena = tensor.New(tensor.Uint8, p.arena).Bytes()
	}
	results := make(map[string]*tensor.Tensor, len(p.outputs))
	for _, o := range p.outputs {
		t := out[o.name]
		if t == nil || t.DType != o.typ.DType || !t.Shape.Equal(o.typ.Shape) {
			t = tensor.New(o.typ.DType, o.typ.Shape...)
		}
		results[o.name] = t
	}
	s.data = s.data[:0]
	for _, f := range p.buffers {
		var b []byte
		switch f.place {
		case inArena:
			b = s.arena[f.offset:][:f.size]
		case inConst:
			b = f.konst.Bytes()
		case inOutput:
			b = results[p.outputs[f.index].name].Bytes()
		case inInput:
			x, err := p.input(f.index, in)
			if err != nil {
				return nil, err
			}
			b = x.Bytes()
		}
		s.data = append(s.data, b)
	}
	if s.poison {
		fillNaN(s.arena)
	}
	return results, nil
}

// input is the caller's tensor for input i, checked.
func (p *Plan) input(i int, in map[string]*tensor.Tensor) (*tensor.Tensor, error) {
	want := p.inputs[i]
	where := fmt.Sprintf("input %q", want.name)
	x := in[want.name]
	switch {
	case x == nil:
		return nil, &safe.FormatError{Where: where, Expected: "a tensor", Found: "none"}
	case x.DType != want.typ.DType || !x.Shape.Equal(want.typ.Shape):
		return nil, &safe.FormatError{
			Where: where, Expected: fmt.Sprintf("%v %v", want.typ.DType, want.typ.Shape), Found: fmt.Sprintf("%v %v", x.DType, x.Shape),
		}
	}
	return x, nil
}

func fillNaN(b []byte) {
	x := float32s(b)
	for i := range x {
		x[i] = float32(math.NaN())
	}
}
