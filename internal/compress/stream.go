package compress

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"lutra/internal/tensor"
)

// Source is a calibration set. Input writes sample i, preprocessed, one batch
// row, to dst, which holds as many numbers as the network's input; it must be
// safe for concurrent calls and always give the same numbers.
type Source interface {
	Len() int
	Input(i int, dst []float32) error
}

// stream carries the calibration samples through the network. It remembers
// the values at one cut of the network, as far along as the cache allows.
type stream struct {
	net  *network
	src  Source
	o    *Options
	twin bool                        // another stream has half of the cache
	at   int                         // the cut: nodes[:at] have been computed
	kept []map[string]*tensor.Tensor // per sample; nil before anything is kept
}

// group is the number of samples that are computed before their results are
// consumed in order. It is fixed so that sums do not depend on the number of threads.
const group = 8

// run computes the named values, made by nodes[:to], for all samples. use
// receives them in order, a group at a time: values[j] belongs to sample
// first+j. With advance, the cut moves to nodes[:to] if the cache can hold it.
func (s *stream) run(ctx context.Context, to int, names []string, advance bool, use func(first int, values []map[string]*tensor.Tensor) error) error {
	p, err := s.begin(ctx, to, names, advance)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for first := 0; first < s.src.Len(); first += group {
		values, err := p.group(ctx, first)
		if err != nil {
			return err
		}
		if err := use(first, values); err != nil {
			return err
		}
	}
	p.end()
	return nil
}

// pass is one run over the samples, a group at a time.
type pass struct {
	s    *stream
	to   int
	step *step
	cut  []string                    // values to keep; nil if the cut stays
	kept []map[string]*tensor.Tensor // per sample; nil if the cut stays
}

// begin prepares a pass that computes the named values, as run does.
func (s *stream) begin(ctx context.Context, to int, names []string, advance bool) (*pass, error) {
	p := &pass{s: s, to: to}
	wanted := slices.Clone(names)
	if cut := s.net.cut(to); advance && s.fits(cut) {
		p.cut, p.kept = cut, make([]map[string]*tensor.Tensor, s.src.Len())
		for _, name := range cut {
			if !slices.Contains(wanted, name) {
				wanted = append(wanted, name)
			}
		}
	}
	var err error
	p.step, err = s.prepare(ctx, to, wanted)
	return p, err
}

// group computes the values for the group of samples that starts with first.
func (p *pass) group(ctx context.Context, first int) ([]map[string]*tensor.Tensor, error) {
	values := make([]map[string]*tensor.Tensor, min(group, p.s.src.Len()-first))
	err := each(ctx, cap(p.step.free), len(values), func(j int) (err error) {
		values[j], err = p.step.sample(ctx, first+j)
		return err
	})
	if err != nil {
		return nil, err
	}
	for j := range values {
		if p.kept != nil {
			p.kept[first+j] = only(values[j], p.cut)
		}
	}
	return values, nil
}

// end moves the cut, after all groups.
func (p *pass) end() {
	if p.kept != nil {
		p.s.at, p.s.kept = p.to, p.kept
	}
}

// rewind forgets the kept values: weights behind which they lie have changed.
func (s *stream) rewind() { s.at, s.kept = 0, nil }

func (s *stream) fits(cut []string) bool {
	limit := s.o.CacheBytes
	if limit == 0 {
		limit = 1 << 30
	}
	if s.twin {
		limit /= 2
	}
	// While the cut moves, both the old values and the new are held.
	return (s.net.bytes(cut)+s.net.bytes(s.net.cut(s.at)))*s.src.Len() <= limit
}

func only(values map[string]*tensor.Tensor, names []string) map[string]*tensor.Tensor {
	m := make(map[string]*tensor.Tensor, len(names))
	for _, name := range names {
		m[name] = values[name]
	}
	return m
}

// step computes wanted values of one sample from the kept ones.
type step struct {
	s        *stream
	passed   []string     // wanted values that are there already
	computed []string     // wanted values that nodes make
	inputs   []string     // what those nodes read
	free     chan compute // idle computations, as many as there are workers
}

func (s *stream) prepare(ctx context.Context, to int, wanted []string) (*step, error) {
	st := &step{s: s}
	made := map[string]bool{}
	for _, node := range s.net.nodes[s.at:to] {
		for _, out := range node.Outputs {
			made[out] = true
		}
	}
	for _, name := range wanted {
		if made[name] {
			st.computed = append(st.computed, name)
		} else {
			st.passed = append(st.passed, name)
		}
	}
	workers := min(s.o.threads(), group)
	st.free = make(chan compute, workers)
	if len(st.computed) == 0 {
		for range workers {
			st.free <- nil
		}
		return st, nil
	}
	section := s.net.section(live(s.net.nodes[s.at:to], st.computed), st.computed)
	for _, v := range section.Inputs {
		st.inputs = append(st.inputs, v.Name)
	}
	all, err := compile(ctx, section, workers, s.o)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		st.free <- c
	}
	return st, nil
}

// sample computes the wanted values of sample i.
func (st *step) sample(ctx context.Context, i int) (map[string]*tensor.Tensor, error) {
	c := <-st.free
	defer func() { st.free <- c }()
	s := st.s
	var have map[string]*tensor.Tensor
	if s.kept != nil {
		have = s.kept[i]
	} else {
		x := tensor.New(tensor.Float32, s.net.shape...)
		if err := s.src.Input(i, x.Float32s()); err != nil {
			return nil, err
		}
		have = map[string]*tensor.Tensor{s.net.input: x}
	}
	values := only(have, st.passed)
	if c == nil {
		return values, nil
	}
	out, err := c(ctx, only(have, st.inputs))
	if err != nil {
		return nil, err
	}
	for _, name := range st.computed {
		values[name] = out[name]
	}
	return values, nil
}

// identify reads all samples once and returns the hexadecimal SHA-256 of their
// numbers; "" if there are none.
func (s *stream) identify(ctx context.Context, done func(int)) (string, error) {
	if s.src.Len() == 0 {
		return "", nil
	}
	h := sha256.New()
	err := s.run(ctx, 0, []string{s.net.input}, true, func(first int, values []map[string]*tensor.Tensor) error {
		for _, v := range values {
			h.Write(v[s.net.input].LittleEndian())
		}
		done(first + len(values))
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// moments moves the cut in front of layer l and, unless only that is wanted,
// accumulates the moments of its inputs. They are nil without samples.
func (s *stream) moments(ctx context.Context, l *layer, skip bool, done func(int)) (*moments, error) {
	if s.src.Len() == 0 {
		return nil, nil
	}
	m := newMoments(l.cells(), l.d)
	input := l.node.Inputs[0]
	parts := min(64, m.cells)
	err := s.run(ctx, l.at, []string{input}, true, func(first int, values []map[string]*tensor.Tensor) error {
		defer done(first + len(values))
		if skip {
			return nil
		}
		m.patches += len(values) * l.patches.batch * l.patches.count()
		return each(ctx, s.o.threads(), parts, func(i int) error {
			room := newLanes(l.d)
			for c := i * m.cells / parts; c < (i+1)*m.cells/parts; c++ {
				for _, v := range values {
					l.patches.accumulate(m, c, v[input].Float32s(), room)
				}
			}
			return nil
		})
	})
	return m, err
}
