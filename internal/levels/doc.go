// Package levels turns a floating-point network into one of lookup tables
// (docs/lut.md): activations of few levels, no batch normalisation, weights of
// few values (Baluja et al., No Multiplication? No Floating Point? No
// Problem!, 2018).
package levels
