// Package kernel holds the numeric inner loops: float32, bfloat16 and 8 bits, activations
// with the channels last ([H, W, C], called NHWC).
//
// Every entry point is a method of [Level], the instruction set to use. It
// checks lengths once and panics if a slice is too short, like an index
// expression would; then nothing allocates and nothing is checked again. There
// is no state: all functions may run concurrently on disjoint outputs.
//
// A result depends only on the operands of that element: not on how rows,
// columns or channels are cut into calls. In float32 all levels with vectors, and
// Fused, have the same bits on all processors; Generic and NEON may differ from
// them by rounding, for they are fast and leave it to the compiler whether a
// product is rounded before it is added, unless a method says otherwise. Bfloat16
// may differ from level to level.
//
// # What the kernels compute
//
// The Go loops named ...Generic are the definition: those of float32 in tile.go,
// codebook.go, depthwise.go, pool.go, elementwise.go, activation.go,
// transpose.go, nearest.go, gram.go, outer.go, depthwisegrad.go, norm.go and
// update.go;
// those of Fused in fused.go and activation_fused.go;
// those of 8 bits in int8.go, tile8.go, grid8.go, decoder8.go, depthwise8.go,
// pool8.go, elementwise8.go, table.go and transpose8.go;
// those of bfloat16 in bf16.go, tile16.go, grid16.go and decoder16.go. In short:
//
//	Tile         c[i][n] (+)= sum over k of a[i][k]*b[k][n], then the epilogue
//	Decode       panel[row(b,j)][n] = word[code[b][n]][j]
//	Depthwise    y[x][c] = sum over taps of in[x+tap][c]*w[tap][c], then scale, bias, clamp
//	MaxPool      y[x][c] = max over taps inside the row of in[x+tap][c]
//	AvgPool      y[x][c] = sum over the same taps / divisor
//	FakeQuantize y[i] = the level nearest to x[i]
//	Nearest      argmin over k of half[k] - <x, word[k]>, bit-identical on all levels
//	Gram         sum[i][j] += sum over t of x[i][t]*x[j][t], j <= i
//	Outer        c[i][n] += sum over k of a[k][i]*b[k][n]
//	DepthwiseGrad w[tap][c] += sum over pixels of in[x+tap][c]*g[x][c]
//	Moments      sum[c] += x[r][c]-shift[c], squares[c] += its square
//	NormSums, NormInput, ClampGrad             gradients of normalisation and clamp
//	Adam, SGD, Blend, SumSquares               steps of optimisers
//	Transpose    dst[j][i] = src[i][j]
//	Add, Mul, Clamp, ScaleShift, Sigmoid, ...  element by element
//	TileI8, DecodeI8, DepthwiseI8              the same with bytes and exact sums
//	TilesI8, CodesI8                           TileI8 for many runs of rows and panels
//	Table, FinishTable                         products by tables of partial dot products
//	Sums                                       products of sums of inputs that share a codeword
//	TransposeU8                                dst[j][i] = src[i][j] of bytes
//	MaxPoolU8, AvgPoolU8, AddU8, ClampU8       the same with bytes
//	MapU8, ShuffleU8                           look-up in a table, permutation
//	Quantize, QuantizePlanes, Dequantize       float32 to bytes and back
//	TileBF16, TilesBF16, DecodeBF16            products of bfloat16 with sums in float32
//	RoundBF16, RoundPlanesBF16, WidenBF16      float32 to bfloat16 and back
//	MaxRowsBF16                                the largest of some rows, element by element
//
// # 8 bits
//
// Activations are unsigned bytes with a scale and a zero point (Affine), their
// number of channels is a multiple of 4; weights are signed bytes. Sums are
// exact in int32: the caller excludes overflow (127*255*K < 2^31). The steps
// from a sum to a result are rounded one by one in float32, without fused
// multiply-add, so that results have the same bits on every level.
//
// # bfloat16
//
// Numbers are rounded to the nearest bfloat16, ties to even, denormals to zero;
// rounding and widening have the same bits on every level. Products are exact
// and summed in float32 in an order that depends on the level: VDPBF16PS and
// TDPBF16PS round after each step of two products and take denormals for zero,
// so that sums are within the bound that TileBF16Args states, not identical.
// Scale, bias, residual and clamp are float32; only the result is rounded. A
// level without these instructions (HasBF16) computes the Go loops.
//
// # Tables
//
// Table multiplies codewords instead of weights: per strip of 32 positions and
// block of inputs it computes the products of the codewords that occur in the
// block, once each, in 16 bits; an output adds the rows its codes name. Where
// outputs share codewords this saves multiplications, and an addition of 16
// bits stands for the multiplications of a whole block. Sums cannot overflow:
// who packs Tables bounds them for all inputs. (Q-CNN: Wu et al., CVPR 2016,
// section 3; only used codewords, 16-bit sums and the bounds are ours.)
//
// # Clamps and special values
//
// A clamp is: if y < min, y = min; if y > max, y = max. NaN passes, and so
// does -0 when min is 0. Infinite bounds are no bounds. Denormals are kept.
//
// # Assembly
//
// The *_amd64.s files are written by the generator in _gen; a test compares
// them with its output. Build tag purego leaves them out: then every level
// runs the generic loops.
package kernel
