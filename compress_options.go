package lutra

import (
	"lutra/internal/compress"
	"lutra/internal/data"
)

// CompressRule is an exception in CompressOptions.Rules: how the weights that a
// pattern matches are stored.
type CompressRule = compress.Rule

// Values of CompressOptions.Metric: the error that codewords are chosen by.
const (
	MetricRows     = compress.MetricRows     // of outputs of whole rows of weights; the default
	MetricPerBlock = compress.MetricPerBlock // of outputs, every block for itself
	MetricPooled   = compress.MetricPooled   // of outputs, all blocks alike: the paper's
	MetricNone     = compress.MetricNone     // of weights; needs no images
)

// Values of CompressOptions.Correction: which statistics of a layer's outputs
// are put right.
const (
	CorrectMeanStd = compress.CorrectMeanStd
	CorrectMean    = compress.CorrectMean
	CorrectNone    = compress.CorrectNone // needs no images
)

// Values of CompressRule.Storage and CompressOptions.First.
const (
	StoreCodebook = compress.Quantised
	StoreFloat16  = compress.Float16
	StoreFloat32  = compress.Float32
)

// Values of CompressOptions.Codewords.
const (
	WordsFloat16 = compress.Float16Words
	WordsFloat32 = compress.Float32Words
	WordsInt8    = compress.Int8Words // half the size; without error in 8-bit execution
)

// Preset returns the preprocessing of that name: none (values 0...255), unit
// (0...1), imagenet, cifar, etinynet, grey, mnist, speech, mfcc or kws.
func Preset(name string) (Preprocess, error) { return data.Preset(name) }
