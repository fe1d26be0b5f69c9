// Package engine runs graphs: it compiles them for the kernels of one
// instruction set, plans them for concrete shapes, and executes plans.
//
// # From graph to plan
//
// [Compile] validates a graph once. [Model.Plan] specialises it for input
// shapes (constants folded, types inferred by package graph) and turns the
// nodes into ops, on which these passes work:
//
//   - identities are bypassed, zero padding moves into convolutions, x*sigmoid(x)
//     becomes one activation, the three nodes of a channel shuffle one op;
//   - normalisation, scale, shift, residual sum and activation that follow a
//     convolution or matrix product move into its epilogue;
//   - every op gets a layout: images (rank 4) are [N, H, W, C] between ops that
//     can use it, everything else keeps ONNX's order; conversions are inserted
//     where the two meet;
//   - an image that a convolution reads with padding gets a border of zeros,
//     which its producer leaves free, so that kernels never see edges;
//   - results share buffers of one arena according to their lifetimes.
//
// Operators without a kernel run by their reference definition in the table of
// package graph. The plan can be printed ([Plan.String], [Plan.Info]).
//
// # Arithmetic
//
// In modes [Int8] and [Auto] convolutions and matrix products whose input has a
// known range (package calibrate) multiply bytes: activations are affine with
// one scale per value, weights have a scale per output channel, or one for all
// codewords of a codebook. Sums are exact integers; scale, shift, residual sum
// and clamp are float32 operations rounded one by one, so that results are the
// same bits on every level that computes products the same way: on levels
// without an instruction for the dot product of bytes, large convolutions are
// computed by tables of partial dot products (kernel.Table), in which each
// codeword has a scale of its own and sums are multiples of a unit that no
// input can make overflow ([Products]). A value stays in bytes where all its readers take
// them; steps that quantise or dequantise stand where they do not. Mode Auto
// gives a second plane of 8 bits to the weights that need it, and leaves layers
// in float32 whose inputs need it, to keep to the graph's budget. Bfloat16
// takes the place of float32, or of everything, where [Costs] say it is faster.
//
// In mode [BF16] activations of image networks and all weights of convolutions
// and matrix products are bfloat16, sums and epilogues float32, and nothing has
// to be calibrated. Pools, sums, activations, concatenations and depthwise
// convolutions of such values compute rows in float32 and round; an average of
// whole images and the result of a matrix product stay float32, as does
// whatever has no such form. The mode is for processors that multiply bfloat16
// (kernel.Level.HasBF16); others run it in plain Go. Kernels read a few numbers
// past an image row, against zero weights, so that an infinite or NaN
// activation may make its neighbours NaN.
//
// # Weights
//
// A weight is packed once per model, in panels of output channels, when the
// first plan needs it; all plans and sessions share it, and the model lets go
// of the dense form. Codebook weights stay codes and codewords: each thread
// decodes the slice of a panel that it is about to multiply, so the dense
// weight never exists.
//
// # Execution
//
// A plan is a list of stages of independent units of work. A [Session] runs
// them on its threads. No unit adds to what another one computes: results are
// the same bits for every number of threads, and for dense and codebook
// weights of equal values.
package engine
