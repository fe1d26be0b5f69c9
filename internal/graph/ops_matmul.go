package graph

import (
	"fmt"

	"lutra/internal/tensor"
)

var matmulOps = []Operator{
	{Name: "MatMul", Since: 1, In: Arity{2, 2}, Out: Arity{1, 1},
		Infer: inferMatMul, Eval: evalMatMul, Dense: true, Note: "float, int32 and int64"},
	{Name: "Gemm", Since: 1, In: Arity{2, 3}, Out: Arity{1, 1},
		Infer: inferGemm, Eval: floatEval(evalGemm[float32], evalGemm[float64]), Dense: true, Note: "floating-point types"},
}

// product is the geometry of a batched matrix product: for each batch, rows x
// inner times inner x cols.
type product struct {
	rows, inner, cols int
	lead              tensor.Shape // broadcast leading dimensions
	a, b              []int        // strides of lead in matrices, 0 where broadcast
	shape             tensor.Shape // of the result
}

// product checks shapes as numpy.matmul does: vectors count as matrices and
// lose the added dimension; leading dimensions are broadcast.
func (c *Call) product(i, j int) (product, error) {
	var p product
	a, b := c.In[i].Shape, c.In[j].Shape
	fail := func() (product, error) {
		return p, c.Errorf(c.inputName(j), "a shape that can be multiplied with "+a.String(), b.String())
	}
	if len(a) == 0 || len(b) == 0 {
		return fail()
	}
	am, bm := a, b
	if len(a) == 1 {
		am = tensor.Shape{1, a[0]}
	}
	if len(b) == 1 {
		bm = tensor.Shape{b[0], 1}
	}
	la, lb := am[:len(am)-2], bm[:len(bm)-2]
	p.rows, p.inner, p.cols = am[len(am)-2], am[len(am)-1], bm[len(bm)-1]
	if bm[len(bm)-2] != p.inner {
		return fail()
	}
	if !p.broadcast(la, lb) {
		return fail()
	}
	p.shape = p.lead.Clone()
	if len(a) > 1 {
		p.shape = append(p.shape, p.rows)
	}
	if len(b) > 1 {
		p.shape = append(p.shape, p.cols)
	}
	return p, nil
}

// broadcast sets lead, a and b for leading dimensions la and lb, which may disagree.
func (p *product) broadcast(la, lb tensor.Shape) bool {
	rank := max(len(la), len(lb))
	p.lead, p.a, p.b = make(tensor.Shape, rank), make([]int, rank), make([]int, rank)
	na, nb := 1, 1
	for d := rank - 1; d >= 0; d-- {
		x, y := 1, 1
		if k := d - rank + len(la); k >= 0 {
			x = la[k]
		}
		if k := d - rank + len(lb); k >= 0 {
			y = lb[k]
		}
		if x != y && x != 1 && y != 1 {
			return false
		}
		p.lead[d] = x
		if x == 1 {
			p.lead[d] = y
		}
		if x != 1 {
			p.a[d] = na
		}
		if y != 1 {
			p.b[d] = nb
		}
		na, nb = na*x, nb*y
	}
	return true
}

// each calls f for every batch with the indices of its two matrices.
func (p product) each(f func(batch, a, b int)) {
	if p.shape.Elems() == 0 {
		return
	}
	at := make([]int, len(p.lead))
	a, b := 0, 0
	for batch := range p.lead.Elems() {
		f(batch, a, b)
		for d := len(at) - 1; d >= 0; d-- {
			at[d]++
			a, b = a+p.a[d], b+p.b[d]
			if at[d] < p.lead[d] {
				break
			}
			a, b = a-at[d]*p.a[d], b-at[d]*p.b[d]
			at[d] = 0
		}
	}
}

func inferMatMul(c *Call) ([]Type, error) {
	if err := c.want(0, floatTypes|indexTypes); err != nil {
		return nil, err
	}
	if err := c.same(0, 1); err != nil {
		return nil, err
	}
	p, err := c.product(0, 1)
	if err != nil {
		return nil, err
	}
	return c.typed(c.In[0].DType, p.shape...)
}

func evalMatMul(c *Call, out []*tensor.Tensor) error {
	p, err := c.product(0, 1)
	if err != nil {
		return err
	}
	switch c.In[0].DType {
	case tensor.Int32:
		matmul[int32, int32](p, tensor.Slice[int32](out[0]), tensor.Slice[int32](c.Value[0]), tensor.Slice[int32](c.Value[1]))
	case tensor.Int64:
		matmul[int64, int64](p, out[0].Int64s(), c.Value[0].Int64s(), c.Value[1].Int64s())
	default:
		return floatEval(evalProduct[float32], evalProduct[float64])(c, out)
	}
	return nil
}

func evalProduct[T floating](c *Call, out []*tensor.Tensor) error {
	p, err := c.product(0, 1)
	if err != nil {
		return err
	}
	matmul[T, float64](p, tensor.Slice[T](out[0]), values[T](c, 0), values[T](c, 1))
	return nil
}

// matmul is the definition of the matrix product; sums are of type S, in
// order of the inner dimension.
func matmul[T, S int32 | int64 | float32 | float64](p product, y, a, b []T) {
	acc := make([]S, p.cols)
	p.each(func(batch, ia, ib int) {
		am, bm := a[ia*p.rows*p.inner:], b[ib*p.inner*p.cols:]
		for r := range p.rows {
			clear(acc)
			for k := range p.inner {
				f := S(am[r*p.inner+k])
				for j, v := range bm[k*p.cols:][:p.cols] {
					acc[j] += f * S(v)
				}
			}
			dst := y[(batch*p.rows+r)*p.cols:][:p.cols]
			for j, v := range acc {
				dst[j] = T(v)
			}
		}
	})
}

// gemm is the geometry of a Gemm: rows x inner times inner x cols, operands
// possibly stored transposed.
type gemm struct {
	rows, inner, cols int
	transA, transB    bool
	biasRow, biasCol  int // strides of the bias, 0 where broadcast
}

func (c *Call) gemm() (gemm, error) {
	g := gemm{transA: c.Node.Int("transA", 0) != 0, transB: c.Node.Int("transB", 0) != 0}
	a, b := c.In[0].Shape, c.In[1].Shape
	if len(a) != 2 || len(b) != 2 {
		return g, c.Errorf("inputs", "two matrices", a.String()+" and "+b.String())
	}
	g.rows, g.inner = a[0], a[1]
	if g.transA {
		g.rows, g.inner = g.inner, g.rows
	}
	inner := b[0]
	g.cols = b[1]
	if g.transB {
		inner, g.cols = g.cols, inner
	}
	if inner != g.inner {
		return g, c.Errorf(c.inputName(1), fmt.Sprintf("inner dimension %d", g.inner), fmt.Sprint(inner))
	}
	if !c.Has(2) {
		return g, nil
	}
	err := c.gemmBias(&g)
	return g, err
}

// gemmBias sets the strides of the bias, which is broadcast to rows x cols.
func (c *Call) gemmBias(g *gemm) error {
	s := c.In[2].Shape
	row, col := 1, 1
	switch len(s) {
	case 0:
	case 1:
		col = s[0]
	case 2:
		row, col = s[0], s[1]
	default:
		return c.Errorf(c.inputName(2), "rank at most 2", ranked(s))
	}
	if (row != 1 && row != g.rows) || (col != 1 && col != g.cols) {
		return c.Errorf(c.inputName(2), fmt.Sprintf("a shape that broadcasts to %dx%d", g.rows, g.cols), s.String())
	}
	if row != 1 {
		g.biasRow = col
	}
	if col != 1 {
		g.biasCol = 1
	}
	return nil
}

func inferGemm(c *Call) ([]Type, error) {
	if err := c.wantFloats(1, 2); err != nil {
		return nil, err
	}
	g, err := c.gemm()
	if err != nil {
		return nil, err
	}
	return c.typed(c.In[0].DType, g.rows, g.cols)
}

// evalGemm is alpha*A*B + beta*C, each sum in float64.
func evalGemm[T floating](c *Call, out []*tensor.Tensor) error {
	g, err := c.gemm()
	if err != nil {
		return err
	}
	a, b, bias, y := values[T](c, 0), values[T](c, 1), values[T](c, 2), tensor.Slice[T](out[0])
	alpha, beta := float64(c.Node.Float("alpha", 1)), float64(c.Node.Float("beta", 1))
	aRow, aCol, bRow, bCol := g.inner, 1, g.cols, 1
	if g.transA {
		aRow, aCol = 1, g.rows
	}
	if g.transB {
		bRow, bCol = 1, g.inner
	}
	for i := range g.rows {
		for j := range g.cols {
			sum := 0.0
			for k := range g.inner {
				sum += float64(a[i*aRow+k*aCol]) * float64(b[k*bRow+j*bCol])
			}
			sum *= alpha
			if bias != nil {
				sum += beta * float64(bias[i*g.biasRow+j*g.biasCol])
			}
			y[i*g.cols+j] = T(sum)
		}
	}
	return nil
}
