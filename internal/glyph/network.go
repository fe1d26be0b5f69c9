package glyph

import _ "embed"

//go:embed glyph.onnx
var network []byte

// Network returns the ONNX file of the float32 network: input
// [batch, 3, 32, 32] preprocessed as its metadata lutra.preprocess says, output
// [batch, Classes] logits. oracle/glyph/train.py trained it. Callers must not change it.
func Network() []byte { return network }
