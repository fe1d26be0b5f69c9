package compress

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"

	"lutra/internal/kernel"
	"lutra/internal/safe"
)

// Kind is the type of a layer, which decides its block size and codebook.
type Kind uint8

// The kinds of layers that can be quantised.
const (
	Conv      Kind = iota // convolution with a kernel larger than 1
	Pointwise             // 1x1 convolution
	Linear                // Gemm, or MatMul with a constant second operand
	Depthwise             // convolution with one input channel per group
	kinds
)

var kindNames = [kinds]string{Conv: "conv", Pointwise: "pointwise", Linear: "linear", Depthwise: "depthwise"}

// String is the name of k.
func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// MarshalText is String.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Storage is how a weight is written.
type Storage uint8

const (
	// Quantised is a codebook and codes.
	Quantised Storage = iota
	// Float16 is the dense weight in half precision, behind a Cast.
	Float16
	// Float32 is the weight as it was.
	Float32
)

var storageNames = [...]string{Quantised: "codebook", Float16: "float16", Float32: "float32"}

// String is the name that ParseStorage reads.
func (s Storage) String() string { return nameOf(storageNames[:], int(s)) }

// MarshalText is String.
func (s Storage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseStorage reads "codebook", "float16" or "float32".
func ParseStorage(s string) (Storage, error) {
	i, err := parseName("storage", storageNames[:], s)
	return Storage(i), err
}

// StorageNames lists what ParseStorage reads.
func StorageNames() []string { return storageNames[:] }

// Correction says what is done about the change of a quantised layer's output
// statistics: the equivalent of re-estimating batch normalisation on the
// calibration data, for graphs with and without BatchNormalization nodes.
type Correction uint8

const (
	// CorrectMeanStd matches mean and standard deviation of every output
	// channel over the calibration data with those of the float network: codewords
	// are averages, so that quantised layers put out less than they should,
	// layer after layer. The factor goes into the batch normalisation behind a
	// convolution; other layers get CorrectMean.
	CorrectMeanStd Correction = iota
	// CorrectMean matches the mean only, by the bias. Where much is lost per
	// layer this is worse than nothing: signals shrink around a fixed mean.
	CorrectMean
	// CorrectNone leaves the statistics alone.
	CorrectNone
)

var correctionNames = [...]string{CorrectMeanStd: "mean-std", CorrectMean: "mean", CorrectNone: "none"}

// String is the name that ParseCorrection reads.
func (c Correction) String() string { return nameOf(correctionNames[:], int(c)) }

// MarshalText is String.
func (c Correction) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ParseCorrection reads "none", "mean" or "mean-std".
func ParseCorrection(s string) (Correction, error) {
	i, err := parseName("correction", correctionNames[:], s)
	return Correction(i), err
}

// CorrectionNames lists what ParseCorrection reads.
func CorrectionNames() []string { return correctionNames[:] }

// Spec is the wanted block size and codebook size of a layer.
type Spec struct {
	// D is the length of a block. A layer gets the largest divisor of its row
	// length that does not exceed D. 0, for depthwise layers, is a whole kernel.
	D int `json:"d"`
	// K is the number of codewords, 1...65536, before the clamp.
	K int `json:"k"`
}

// Rule is an exception for the layers that Pattern matches. Zero values of D
// and K keep what the layer's kind gives.
type Rule struct {
	// Pattern is matched with the names of the weight and of the node, whole:
	// "*" stands for any run of characters, "?" for one. A pattern between
	// slashes, as /layer[12]/, is a regular expression that matches anywhere.
	Pattern string  `json:"pattern"`
	D       int     `json:"d,omitempty"`
	K       int     `json:"k,omitempty"`
	Storage Storage `json:"storage"`
}

// Options says how a network is compressed. The zero value is not valid; start
// from Small or Large.
type Options struct {
	Specs [kinds]Spec `json:"specs"`
	// NoClamp keeps K even where the codebook is large beside the weight.
	NoClamp bool `json:"no_clamp,omitempty"`
	// First is the storage of the first convolution.
	First Storage `json:"first"`
	// Rules are tried in order; the first that matches decides.
	Rules      []Rule     `json:"rules,omitempty"`
	Metric     Metric     `json:"metric"`
	Correction Correction `json:"correction"`
	// Share makes layers with blocks of one length read one codebook, of the
	// most codewords that any of them asks for.
	Share bool `json:"share,omitempty"`
	// Codewords is the precision of the codewords.
	Codewords Codewords `json:"codewords"`
	// Shrink trusts covariances of inputs as far as the images agree on them;
	// see halve. It takes effect with MetricRows.
	Shrink bool `json:"shrink,omitempty"`
	// HalfVectors stores scales, shifts and biases of channels as float16, and
	// normalisations as a scale and a shift.
	HalfVectors bool `json:"half_vectors,omitempty"`
	// KeepNames keeps the names of nodes and inner values, declared types of
	// inner values and notes, which otherwise make room (see graph.Compact).
	KeepNames bool `json:"keep_names,omitempty"`
	// Iterations bounds the k-means iterations of a layer; 0 means 100.
	Iterations int `json:"iterations,omitempty"`
	// Tolerance ends a layer when an iteration lowers the objective by less
	// than this share; 0 means 1e-4.
	Tolerance float64 `json:"tolerance,omitempty"`
	Seed      uint64  `json:"seed"`
	// Anneal shakes codewords while k-means begins; see annealing.
	Anneal bool `json:"anneal,omitempty"`
	// Permute reorders channels before blocks are cut; see Permute.
	Permute bool `json:"permute,omitempty"`

	// AfterEach distils the codewords of every layer before the next one is
	// quantised; nil: they stay as they were fitted.
	AfterEach *AfterEach `json:"after_each,omitempty"`

	// Tool is the version that the provenance names.
	Tool string `json:"-"`
	// Threads is the number of goroutines, 0: one per processor; the result does not depend on it.
	Threads int `json:"-"`
	// Level is the kernels' instruction set, nil for the best. Float sums of generic and neon differ
	// from those of the others in their last bits, so that activations, and with them near ties, may.
	Level *kernel.Level `json:"-"`
	// CacheBytes bounds the activations kept between layers; 0 means 1 GiB.
	// Above it they are computed again for every layer.
	CacheBytes int `json:"cache_bytes,omitempty"`
	// Checkpoint is a folder that receives every finished layer; a run with
	// the same model, data and options continues from it. "" means none.
	Checkpoint string `json:"-"`
	// Progress, if set, is called from the goroutine that called Run.
	Progress func(Progress) `json:"-"`
}

// Progress is what Run is doing.
type Progress struct {
	Layer, Layers int    // the layer being worked on, from 0, and their number
	Name          string // of its weight
	Phase         string // "calibrate", "cluster", "refine", "correct" or "distil"
	Done, Total   int    // images or steps, or iterations or rounds and their bound
	// ETA estimates the time left, 0 if unknown.
	ETA time.Duration
}

// Small is the paper's "small blocks" configuration (Stock et al., ICLR 2020,
// section 4): 3x3 convolutions in blocks of 9, all else in blocks of 4.
// Depthwise convolutions, of which it has none, get one code per weight: they
// are a small part of a network, and blocks of a whole kernel cost EtinyNet
// most of its accuracy.
func Small() Options {
	return Options{
		Specs:     [kinds]Spec{Conv: {9, 256}, Pointwise: {4, 256}, Linear: {4, 2048}, Depthwise: {1, 256}},
		First:     Float16,
		Codewords: Int8Words,
		Threads:   1,
	}
}

// Large is the paper's "large blocks" configuration as used for ResNet-50: 3x3
// convolutions in blocks of 18, 1x1 convolutions of 8, linear layers of 4 with
// 1024 codewords.
func Large() Options {
	o := Small()
	o.Specs[Conv].D, o.Specs[Pointwise].D, o.Specs[Linear].K = 18, 8, 1024
	return o
}

// presetNames are those of Small and Large.
var presetNames = [...]string{"small", "large"}

// Preset is Small for "small" and Large for "large".
func Preset(name string) (Options, error) {
	i, err := parseName("blocks", presetNames[:], name)
	if err != nil {
		return Options{}, err
	}
	return []func() Options{Small, Large}[i](), nil
}

// PresetNames lists what Preset reads.
func PresetNames() []string { return presetNames[:] }

// matcher compiles a rule's pattern.
func (r *Rule) matcher() (*regexp.Regexp, error) {
	p := r.Pattern
	if len(p) >= 2 && strings.HasPrefix(p, "/") && strings.HasSuffix(p, "/") {
		re, err := regexp.Compile(p[1 : len(p)-1])
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", p, err)
		}
		return re, nil
	}
	glob := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(p))
	return regexp.Compile(`^(?s:` + glob + `)$`)
}

// check refuses values outside their ranges.
func (o *Options) check() error {
	for k, s := range o.Specs {
		if s.D < 0 || s.D == 0 && Kind(k) != Depthwise || s.K < 1 || s.K > 1<<16 {
			return safe.Optionf("%v layers: expected blocks of 1 or more numbers and 1 to 65536 codewords, found %d and %d", Kind(k), s.D, s.K)
		}
	}
	for _, r := range o.Rules {
		if r.D < 0 || r.K < 0 || r.K > 1<<16 {
			return safe.Optionf("rule %q: expected blocks of 1 or more numbers and 1 to 65536 codewords, found %d and %d", r.Pattern, r.D, r.K)
		}
	}
	if o.Iterations < 0 || o.Tolerance < 0 || o.CacheBytes < 0 {
		return safe.Optionf("iterations %d, tolerance %g, cache of %d bytes: expected 0 or more of each", o.Iterations, o.Tolerance, o.CacheBytes)
	}
	return nil
}

func (o *Options) threads() int {
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.GOMAXPROCS(0)
}

func (o *Options) level() kernel.Level {
	if o.Level != nil {
		return *o.Level
	}
	return kernel.Best()
}
