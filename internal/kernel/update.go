package kernel

import "math"

// Steps of optimisers; see train.Optimiser. Every operation is rounded by
// itself, so that all levels have the same bits.

// AdamArgs are numbers of equal length and the step that Adam makes with them.
type AdamArgs struct {
	Value, Grad   []float32
	First, Second []float32 // moments
	Factor        float32   // of the gradient, which may be clipped
	Added         float32   // share of the value that is added to the gradient: weight decay
	Rest1, Rest2  float32   // 1 - beta1, 1 - beta2
	Step          float32   // learning rate / (1 - beta1^t)
	Shrink        float32   // of the value: 1 - decay that is apart from the gradient
	Root, Epsilon float64   // square root of 1 - beta2^t, and what is added to that of Second
}

// Adam updates Value, First and Second (Kingma and Ba, ICLR 2015, Algorithm 1,
// with the corrections of bias as PyTorch writes them):
//
//	g := Grad[i]*Factor + Added*Value[i]
//	First[i] += Rest1 * (g - First[i])
//	Second[i] += Rest2 * (g*g - Second[i])
//	root := float32(sqrt(Second[i])/Root + Epsilon) // in float64
//	Value[i] = Shrink*Value[i] - Step*First[i]/root
func (l Level) Adam(a *AdamArgs) {
	need(a.Grad, len(a.Value))
	need(a.First, len(a.Value))
	need(a.Second, len(a.Value))
	adam(l, a)
}

// SGDArgs are numbers of equal length and the step that gradient descent makes with them.
type SGDArgs struct {
	Value, Grad []float32
	First       []float32 // momentum; untouched if Momentum is 0
	Factor      float32   // of the gradient, which may be clipped
	Added       float32   // share of the value that is added to the gradient: weight decay
	Momentum    float32
	Nesterov    bool
	Rate        float32 // learning rate
}

// SGD updates Value and First:
//
//	g := Grad[i]*Factor + Added*Value[i]
//	if Momentum != 0 {
//		First[i] = Momentum*First[i] + g
//		g = First[i], or with Nesterov g + Momentum*First[i]
//	}
//	Value[i] -= Rate * g
func (l Level) SGD(a *SGDArgs) {
	need(a.Grad, len(a.Value))
	need(a.First, len(a.Value))
	sgd(l, a)
}

// Blend writes keep*dst[i] + (1-keep)*x[i] to dst[i]. The slices have one length.
func (l Level) Blend(dst, x []float32, keep float32) {
	need(x, len(dst))
	blend(l, dst, x, keep)
}

// squareLanes is the number of sums of SumSquares, on all levels.
const squareLanes = 16

// SumSquares is the sum of the squares of x in float64: those of the numbers
// i, i+16, i+32, ... first, then their sums, in order.
func (l Level) SumSquares(x []float32) float64 {
	var lanes [squareLanes]float64
	sumSquares(l, &lanes, x)
	sum := 0.
	for _, v := range lanes {
		sum += v
	}
	return sum
}

func adamGeneric(a *AdamArgs, from int) {
	v, m, q := a.Value, a.First, a.Second
	for i := from; i < len(v); i++ {
		g := float32(a.Grad[i]*a.Factor) + float32(a.Added*v[i])
		m[i] += float32(a.Rest1 * (g - m[i]))
		q[i] += float32(a.Rest2 * (float32(g*g) - q[i]))
		root := float32(math.Sqrt(float64(q[i]))/a.Root + a.Epsilon)
		v[i] = float32(a.Shrink*v[i]) - float32(a.Step*m[i])/root
	}
}

func sgdGeneric(a *SGDArgs, from int) {
	v, m := a.Value, a.First
	for i := from; i < len(v); i++ {
		g := float32(a.Grad[i]*a.Factor) + float32(a.Added*v[i])
		if a.Momentum != 0 {
			m[i] = float32(a.Momentum*m[i]) + g
			if a.Nesterov {
				g += float32(a.Momentum * m[i])
			} else {
				g = m[i]
			}
		}
		v[i] -= float32(a.Rate * g)
	}
}

func blendGeneric(dst, x []float32, keep float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(keep*dst[i]) + float32((1-keep)*v)
	}
}

// sumSquaresGeneric adds to the lanes; products are exact.
func sumSquaresGeneric(lanes *[squareLanes]float64, x []float32) {
	for i, v := range x {
		lanes[i%squareLanes] += float64(v) * float64(v)
	}
}
