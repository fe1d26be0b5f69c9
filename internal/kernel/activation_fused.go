package kernel

import "math"

// The activations as the vectors compute them, operation by operation; the
// generator says where the polynomials come from.

// constants of fusedExp
const (
	expLow  = -104 // below: 0
	expHigh = 89   // above: +Inf
	ln2High = 0.693359375
	ln2Low  = -2.12194440e-4
	// roundedUp is added and taken away to round numbers below 2^22.
	roundedUp = 3 << 22
)

var (
	expTerms  = [...]float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}
	tanhTerms = [...]float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}
)

// polynomial has the terms as coefficients, those of the highest powers first.
func polynomial(x float32, terms []float32) float32 {
	y := terms[0]
	for _, c := range terms[1:] {
		y = fma(x, y, c)
	}
	return y
}

func fusedExp(x float32) float32 {
	if x != x {
		return x
	}
	r := clamp(x, expLow, expHigh)
	n := float32(r*math.Log2E) + roundedUp - roundedUp
	r = fma(-n, ln2High, r)
	r = fma(-n, ln2Low, r)
	p := float32(polynomial(r, expTerms[:]) * r)
	p = fma(p, r, r) + 1
	half := int32(n) >> 1 // 2^n in two factors, since n may be below the exponents of float32
	return float32(p*powerOfTwo(int32(n)-half)) * powerOfTwo(half)
}

// powerOfTwo is 2^n, for the exponents of float32.
func powerOfTwo(n int32) float32 { return math.Float32frombits(uint32(127+n) << 23) }

// logistic is the sigmoid of x as a fraction.
func logistic(x float32) (above, below float32) {
	u := fusedExp(-abs(x))
	if math.Signbit(float64(x)) {
		return u, u + 1
	}
	return 1, u + 1
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func fusedSigmoid(x float32) float32 {
	above, below := logistic(x)
	return above / below
}

func fusedSiLU(x float32) float32 {
	above, below := logistic(x)
	return float32(above*x) / below
}

func fusedTanh(x float32) float32 {
	if abs(x) < 0.625 {
		square := float32(x * x)
		return fma(float32(polynomial(square, tanhTerms[:])*square), x, x)
	}
	large := 1 - 2/(fusedExp(abs(x)+abs(x))+1)
	return float32(math.Copysign(float64(large), float64(x)))
}
