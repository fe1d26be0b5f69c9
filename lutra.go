// Package lutra compresses trained convolutional networks into codebooks and
// runs them from their codes.
//
// A model is an ONNX file (or a PyTorch file that Open converts). Compress
// product-quantises its weights so that its outputs are preserved (Stock et
// al., "And the Bit Goes Down", ICLR 2020) and yields a model whose file is
// still ordinary ONNX; sessions run both kinds, decoding codebooks on the fly.
package lutra
