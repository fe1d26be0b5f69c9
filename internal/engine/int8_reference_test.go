package engine

import (
	"math"
	"slices"
	"testing"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// simulation computes the ops of an int8 plan one number at a time, in ONNX's
// layout, with exact integer sums: what the engine must equal bit for bit.
type simulation struct {
	t *testing.T
	b *builder
	// Every value is in one of these, in the order of its declared shape.
	real  map[*value][]float32
	bytes map[*value][]uint8
}

// simulate runs g as compiled with o and returns its outputs.
func simulate(t *testing.T, g *graph.Graph, o Options, in map[string]*tensor.Tensor) map[string][]float32 {
	t.Helper()
	o.Threads = 1
	m, err := Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]graph.Type{}
	for name, x := range in {
		types[name] = graph.Type{DType: x.DType, Shape: x.Shape}
	}
	prog, err := m.graph.Specialize(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{model: m, prog: prog, level: m.level, threads: 1, values: map[string]*value{}}
	if err := b.build(true); err != nil {
		t.Fatal(err)
	}
	s := &simulation{t: t, b: b, real: map[*value][]float32{}, bytes: map[*value][]uint8{}}
	for name, x := range in {
		s.real[b.values[name]] = x.Float32s()
	}
	for _, o := range b.ops {
		s.run(o)
	}
	out := map[string][]float32{}
	for _, o := range b.outputs {
		out[o.name] = s.real[o.v]
	}
	return out
}

func (s *simulation) run(o *op) {
	y := o.out[0]
	switch spec := o.spec.(type) {
	case *convertSpec, reshapeSpec:
		s.real[y], s.bytes[y] = s.real[o.in[0]], s.bytes[o.in[0]]
	case *quantiseSpec:
		for _, v := range s.real[o.in[0]] {
			s.bytes[y] = append(s.bytes[y], quantised(v, *y.quant))
		}
	case *dequantiseSpec:
		for i := range s.bytes[o.in[0]] {
			s.real[y] = append(s.real[y], s.number(o.in[0], i))
		}
	case *byteConvSpec:
		s.conv(spec, o)
	case *sumsConvSpec:
		s.conv(&byteConvSpec{spec.convSpec}, o)
	case *tableConvSpec:
		s.tableConv(spec, o)
	case *byteGemmSpec:
		s.gemm(spec, o)
	case *bytePoolSpec:
		s.pool(spec, o)
	case *byteSumSpec:
		for i := range y.shape().Elems() {
			s.put(y, clampTo(s.number(o.in[0], i)+s.number(o.in[1], i), spec.min, spec.max))
		}
	case *byteConcatSpec:
		s.concat(o)
	case *byteSliceSpec:
		s.slice(spec, o)
	case *byteShuffleSpec:
		shape := y.shape()
		plane, n := shape[2]*shape[3], shape[1]/spec.groups
		for i := range shape.Elems() {
			c, image := i/plane%shape[1], i/plane/shape[1]*shape[1]
			s.bytes[y] = append(s.bytes[y], s.bytes[o.in[0]][(image+c%spec.groups*n+c/spec.groups)*plane+i%plane])
		}
	case *byteGateSpec:
		plane := y.shape()[2] * y.shape()[3]
		for i := range y.shape().Elems() {
			s.put(y, float32(s.number(o.in[0], i)*s.number(o.in[1], i/plane)))
		}
	default:
		s.t.Fatalf("an op in float32: %T", o.spec)
	}
}

func quantised(v float32, q affine) uint8 {
	if math.IsInf(float64(v), 0) {
		return map[bool]uint8{true: 255}[v > 0]
	}
	steps := math.RoundToEven(float64(v * (1 / q.Scale)))
	return uint8(min(max(steps+float64(q.Zero), 0), 255))
}

// number is element i of v, which is 8-bit or float32.
func (s *simulation) number(v *value, i int) float32 {
	if v.quant == nil {
		return s.real[v][i]
	}
	return float32(int(s.bytes[v][i])-int(v.quant.Zero)) * v.quant.Scale
}

// put appends y to v.
func (s *simulation) put(v *value, y float32) {
	if v.quant == nil {
		s.real[v] = append(s.real[v], y)
	} else {
		s.bytes[v] = append(s.bytes[v], quantised(y, *v.quant))
	}
}

func clampTo(y, lo, hi float32) float32 { return min(max(y, lo), hi) }

// integers are the planes of the weight name, [outputs][inputs*taps], and the
// scale of each output.
func (s *simulation) integers(name string, outputs int, double bool, rows bool) (all [][][]int8, scale []float32) {
	if c := s.b.model.codebook(name); c != nil && len(c.Codes) > 0 && !s.decoded(name) {
		return s.codebook(c, double)
	}
	x := s.b.model.graph.Consts[name]
	if x == nil {
		c := s.b.model.codebook(name)
		if x = c.Decode(); c.Words.DType == tensor.Int8 {
			return [][][]int8{slices.Collect(slices.Chunk(c.DecodeInt8(), x.Elems()/outputs))}, constant(outputs, c.Scale)
		}
	}
	k := x.Elems() / outputs
	matrix := make([][]float32, outputs)
	for o := range matrix {
		for i := range k {
			at := o*k + i
			if rows {
				at = i*outputs + o
			}
			matrix[o] = append(matrix[o], x.Float32s()[at])
		}
	}
	all = make([][][]int8, 2)
	for _, row := range matrix {
		p := widest(row, nil)
		if double {
			p = twoPlanes(row, nil)
			all[1] = append(all[1], p.low)
		}
		all[0] = append(all[0], p.high)
		scale = append(scale, p.scale)
	}
	if !double {
		all = all[:1]
	}
	return all, scale
}

// decoded reports a codebook that is used in dense form: a depthwise one.
func (s *simulation) decoded(name string) bool {
	w := s.b.model.codebook(name).WeightShape()
	return len(w) == 4 && w[1] == 1
}

func (s *simulation) codebook(c *graph.Codebook, double bool) (all [][][]int8, scale []float32) {
	words := c.FloatWords()
	count := make([]int, len(words))
	for _, k := range c.Codes {
		for j := range c.D {
			count[int(k)*c.D+j]++
		}
	}
	p := clipped(words, count)
	if double {
		p = twoPlanes(words, count)
	}
	if c.Words.DType == tensor.Int8 {
		p = planes{scale: c.Scale, high: tensor.Slice[int8](c.Words)}
	}
	for _, plane := range [][]int8{p.high, p.low} {
		if plane == nil {
			continue
		}
		rows := make([][]int8, c.Outputs)
		for i, k := range c.Codes {
			rows[i%c.Outputs] = append(rows[i%c.Outputs], plane[int(k)*c.D:][:c.D]...)
		}
		all = append(all, rows)
	}
	return all, constant(c.Outputs, p.scale)
}

// dot finishes the product of one output: sums are the integer sums of bytes
// times weights per plane, totals those of the weights.
func (s *simulation) dot(e *epilogue, q affine, output int, sums, totals []int32, scale float32, residual func() float32) float32 {
	factors := make([]float32, len(sums))
	shift := 0.0
	for i := range sums {
		factors[i] = q.Scale * scale
		if i == 1 {
			factors[i] /= lowSteps
		}
		if e.scale != nil {
			factors[i] *= e.scale[output]
		}
		shift += float64(factors[i]) * float64(totals[i])
	}
	shift *= -float64(q.Zero)
	if e.bias != nil {
		shift += float64(e.bias[output])
	}
	last := len(sums) - 1
	y := float32(float32(sums[last])*factors[last]) + float32(shift)
	if residual != nil {
		y += residual()
	}
	if last == 1 {
		y = float32(float32(sums[0])*factors[0]) + y
	}
	return clampTo(y, e.min, e.max)
}

func (s *simulation) conv(c *byteConvSpec, o *op) {
	x, y := o.in[0], o.out[0]
	perGroup, outPer := c.inC/c.groups, c.outC/c.groups
	weights, scale := s.integers(c.weight, c.outC, s.b.model.double[c.weight], false)
	for i := range y.shape().Elems() {
		ox, oy, oc, n := i%c.outW, i/c.outW%c.outH, i/c.outW/c.outH%c.outC, i/c.outW/c.outH/c.outC
		sums, totals := make([]int32, len(weights)), make([]int32, len(weights))
		for e := range perGroup * c.taps() {
			channel, tap := e/c.taps(), e%c.taps()
			iy, ix := oy*c.strideH-c.top+tap/c.kw*c.dilationH, ox*c.strideW-c.left+tap%c.kw*c.dilationW
			v := int32(x.quant.Zero)
			if iy >= 0 && iy < c.inH && ix >= 0 && ix < c.inW {
				v = int32(s.bytes[x][((n*c.inC+oc/outPer*perGroup+channel)*c.inH+iy)*c.inW+ix])
			}
			for p := range weights {
				w := int32(weights[p][oc][e])
				sums[p] += v * w
				totals[p] += w
			}
		}
		var residual func() float32
		if c.end.residual {
			residual = func() float32 { return s.number(o.in[1], i) }
		}
		if a := c.end.after; a != nil && residual != nil {
			s.put(y, float32(s.dot(&c.end, *x.quant, oc, sums, totals, scale[oc], residual)*a.scale[oc])+a.shift[oc])
			continue
		}
		if c.end.after != nil {
			s.putAfter(y, c, *x.quant, oc, sums, totals, scale[oc])
			continue
		}
		s.put(y, s.dot(&c.end, *x.quant, oc, sums, totals, scale[oc], residual))
	}
}

// putAfter appends an output whose clamp is followed by a scale and shift: in
// bytes both change places.
func (s *simulation) putAfter(y *value, c *byteConvSpec, q affine, oc int, sums, totals []int32, scale float32) {
	e, factor, shift := c.end, c.end.after.scale, c.end.after.shift
	if y.quant == nil {
		s.put(y, float32(s.dot(&e, q, oc, sums, totals, scale, nil)*factor[oc])+shift[oc])
		return
	}
	lo := quantised(float32(e.min*factor[oc])+shift[oc], *y.quant)
	hi := quantised(float32(e.max*factor[oc])+shift[oc], *y.quant)
	e.min, e.max = unbounded()
	e.affine(c.outC, factor, shift)
	v := quantised(s.dot(&e, q, oc, sums, totals, scale, nil), *y.quant)
	s.bytes[y] = append(s.bytes[y], max(min(lo, hi), min(max(lo, hi), v)))
}

func (s *simulation) gemm(g *byteGemmSpec, o *op) {
	x, y := o.in[0], o.out[0]
	weights, scale := s.integers(g.weight, g.n, s.b.model.double[g.weight], g.rows)
	for i := range g.m * g.n {
		sums, totals := make([]int32, len(weights)), make([]int32, len(weights))
		for k := range g.k {
			for p := range weights {
				w := int32(weights[p][i%g.n][k])
				sums[p] += int32(s.bytes[x][i/g.n*g.k+k]) * w
				totals[p] += w
			}
		}
		var residual func() float32
		if g.end.residual {
			residual = func() float32 { return s.number(o.in[1], i) }
		}
		s.put(y, s.dot(&g.end, *x.quant, i%g.n, sums, totals, scale[i%g.n], residual))
	}
}

func (s *simulation) pool(p *bytePoolSpec, o *op) {
	x, y := o.in[0], o.out[0]
	for i := range y.shape().Elems() {
		ox, oy, plane := i%p.outW, i/p.outW%p.outH, i/p.outW/p.outH
		var largest uint8
		sum, taps := int32(0), 0
		for tap := range p.taps() {
			iy, ix := oy*p.strideH-p.top+tap/p.kw*p.dilationH, ox*p.strideW-p.left+tap%p.kw*p.dilationW
			if iy < 0 || iy >= p.inH || ix < 0 || ix >= p.inW {
				continue
			}
			v := s.bytes[x][(plane*p.inH+iy)*p.inW+ix]
			largest = max(largest, v)
			sum += int32(v) - int32(x.quant.Zero)
			taps++
		}
		if p.largest {
			s.bytes[y] = append(s.bytes[y], largest)
			continue
		}
		if p.divisor != 0 {
			taps = p.divisor
		}
		s.put(y, float32(sum)*(x.quant.Scale/float32(taps)))
	}
}

func (s *simulation) slice(c *byteSliceSpec, o *op) {
	in, out, k := o.in[0].shape(), o.out[0].shape(), c.cuts[0]
	for i := range out.Elems() {
		at, rest := 0, i
		place := [4]int{}
		for a := 3; a >= 0; a-- {
			place[a] = k.start[a] + rest%out[a]*k.step[a]
			rest /= out[a]
		}
		for a, p := range place {
			at = at*in[a] + p
		}
		s.bytes[o.out[0]] = append(s.bytes[o.out[0]], s.bytes[o.in[0]][at])
	}
}

func (s *simulation) concat(o *op) {
	y := o.out[0]
	shape := y.shape()
	plane := shape[2] * shape[3]
	for n := range shape[0] {
		for _, v := range o.in {
			size := v.shape()[1] * plane
			for i := n * size; i < (n+1)*size; i++ {
				if *v.quant == *y.quant {
					s.bytes[y] = append(s.bytes[y], s.bytes[v][i])
				} else {
					s.put(y, s.number(v, i))
				}
			}
		}
	}
}
