package compress

import (
	"fmt"
	"math"
	"strings"

	"lutra/internal/safe"
)

// Metric says how the error of a sub-vector is weighed when codewords are
// chosen: an error e costs e^T S e.
type Metric uint8

const (
	// MetricRows takes whole rows of weights, with the second moments of all
	// their inputs: blocks make up for each other's errors.
	MetricRows Metric = iota
	// MetricPerBlock takes S from the activations that the block multiplies:
	// the second moment S_b of block b's inputs.
	MetricPerBlock
	// MetricPooled takes one S for the layer, the sum of all S_b: the metric
	// that the algorithm of Stock et al. (ICLR 2020) uses, without its sampling.
	MetricPooled
	// MetricNone takes the identity: plain k-means on the weights.
	MetricNone
)

var metricNames = [...]string{MetricRows: "rows", MetricPerBlock: "per-block", MetricPooled: "pooled", MetricNone: "none"}

// String is the name that ParseMetric reads.
func (m Metric) String() string { return nameOf(metricNames[:], int(m)) }

// MarshalText is String.
func (m Metric) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseMetric reads "rows", "per-block", "pooled" or "none".
func ParseMetric(s string) (Metric, error) {
	i, err := parseName("metric", metricNames[:], s)
	return Metric(i), err
}

// MetricNames lists what ParseMetric reads.
func MetricNames() []string { return metricNames[:] }

// nameOf is names[i], or a number for values outside the table.
func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

func parseName(what string, names []string, s string) (int, error) {
	for i, n := range names {
		if n == s {
			return i, nil
		}
	}
	return 0, safe.Optionf("%s %q: expected one of %s", what, s, strings.Join(names, ", "))
}

// ridge is the share of the mean variance that is added to the diagonal of
// every metric. It breaks ties between codewords where inputs are always zero
// in favour of the nearer one, and keeps the normal equations solvable.
const ridge = 1e-4

// metric is the list of matrices S of a layer: one for every cell of inputs
// (a block of one group), or a single one that all share.
type metric struct {
	d int
	s []float64 // [len(s)/(d*d)] symmetric d x d matrices
}

func (m *metric) shared() bool { return len(m.s) == m.d*m.d }

// cell is the matrix of cell i.
func (m *metric) cell(i int) []float64 {
	if m.shared() {
		return m.s
	}
	return m.s[i*m.d*m.d:][:m.d*m.d]
}

// identityMetric weighs all numbers alike.
func identityMetric(d int) *metric {
	s := make([]float64, d*d)
	for i := range d {
		s[i*d+i] = 1
	}
	return &metric{d: d, s: s}
}

// metricOf derives the metric of kind m from the moments of a layer. With
// centred, the mean input of every cell is taken out, which is right when the
// mean error of the outputs is repaired by the bias afterwards.
func metricOf(m Metric, mom *moments, centred bool) *metric {
	if m == MetricNone {
		return identityMetric(mom.d)
	}
	d, dd := mom.d, mom.d*mom.d
	all := make([]float64, len(mom.sum))
	for c := range mom.cells {
		mom.second(c, centred, all[c*dd:][:dd])
	}
	if m == MetricPooled {
		for c := 1; c < mom.cells; c++ {
			for i, v := range all[c*dd:][:dd] {
				all[i] += v
			}
		}
		all = all[:dd:dd]
	}
	if !normalise(all, d) {
		return identityMetric(d)
	}
	return &metric{d: d, s: all}
}

// normalise scales the matrices to a mean diagonal of 1 and adds the ridge. It
// reports false when they are all zero, or not finite.
func normalise(s []float64, d int) bool {
	var trace float64
	for c := 0; c < len(s); c += d * d {
		for i := range d {
			trace += s[c+i*d+i]
		}
	}
	mean := trace / float64(len(s)/d)
	if !(mean > 0) || math.IsInf(mean, 0) {
		return false
	}
	for i := range s {
		s[i] /= mean
	}
	for c := 0; c < len(s); c += d * d {
		for i := range d {
			s[c+i*d+i] += ridge
		}
	}
	return true
}

// quadratic is e^T S e.
func quadratic(s, e []float64) float64 {
	var q float64
	d := len(e)
	for i, ei := range e {
		var r float64
		for j, v := range s[i*d:][:d] {
			r += v * e[j]
		}
		q += ei * r
	}
	return q
}

// times is S x into dst.
func times(dst, s, x []float64) {
	d := len(x)
	for i := range d {
		var r float64
		for j, v := range s[i*d:][:d] {
			r += v * x[j]
		}
		dst[i] = r
	}
}

// solve finds x with N x = r for a symmetric positive definite d x d matrix N
// by Cholesky's method, adding to the diagonal as much as it takes when N is
// numerically singular. It overwrites work, which holds d*d numbers. It
// reports false if N is zero or not finite.
func solve(x, n, r, work []float64) bool {
	d := len(x)
	var trace float64
	for i := range d {
		trace += n[i*d+i]
	}
	if !(trace > 0) || math.IsInf(trace, 0) {
		return false
	}
	for add := 0.0; add <= 1; {
		if cholesky(work, n, d, add*trace/float64(d), 1e-14*trace/float64(d)) {
			substitute(x, work, r)
			return true
		}
		add = max(add*100, 1e-12)
	}
	return false
}

// cholesky factors N + add*I = L L^T into the lower half of l.
func cholesky(l, n []float64, d int, add, least float64) bool {
	for i := range d {
		for j := 0; j <= i; j++ {
			v := n[i*d+j]
			if i == j {
				v += add
			}
			for k := range j {
				v -= l[i*d+k] * l[j*d+k]
			}
			if i != j {
				l[i*d+j] = v / l[j*d+j]
				continue
			}
			if !(v > least) {
				return false
			}
			l[i*d+i] = math.Sqrt(v)
		}
	}
	return true
}

// substitute solves L L^T x = r.
func substitute(x, l, r []float64) {
	d := len(x)
	for i := range d {
		v := r[i]
		for k := range i {
			v -= l[i*d+k] * x[k]
		}
		x[i] = v / l[i*d+i]
	}
	for i := d - 1; i >= 0; i-- {
		v := x[i]
		for k := i + 1; k < d; k++ {
			v -= l[k*d+i] * x[k]
		}
		x[i] = v / l[i*d+i]
	}
}
