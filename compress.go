package lutra

import (
	"context"
	"encoding/json"
	"runtime/debug"
	"strconv"

	"lutra/internal/compress"
	"lutra/internal/data"
	"lutra/internal/graph"
	"lutra/internal/onnx"
)

// Names of package compress that belong to the public API.
type (
	// CompressOptions says how a network is compressed; start from CompressPreset.
	CompressOptions = compress.Options
	// CompressReport says what became of a network.
	CompressReport = compress.Report
	// CompressProgress is what Compress is doing.
	CompressProgress = compress.Progress
	// DataSet is an ordered list of images, labelled or not.
	DataSet = data.Set
)

// CompressPreset is the paper's configuration "small" (3x3 convolutions in
// blocks of 9, the others in blocks of 4) or "large" (18, and 8 for 1x1).
func CompressPreset(name string) (CompressOptions, error) { return compress.Preset(name) }

// OpenData opens a data set: a folder of images, a table of files and labels,
// MNIST or CIFAR files. split chooses among the parts of those that have
// several ("train", "test"); classes is an optional file of class names.
func OpenData(path, split, classes string) (*DataSet, error) {
	return data.Open(path, data.Options{Split: split, Classes: classes})
}

// JoinData is the images of all sets, in their order. Classes are those of the
// first set, which the labels of the others must mean, too.
func JoinData(sets ...*DataSet) *DataSet { return data.Join(sets...) }

// Compress product-quantises the weights of m so that its outputs on the
// calibration images are preserved. No labels are used. calib may be nil when
// o.Metric needs no data.
func (m *Model) Compress(ctx context.Context, calib *DataSet, p Preprocess, o CompressOptions) (*Model, *CompressReport, error) {
	var src compress.Source
	if calib != nil {
		in, err := m.samples(calib, p)
		if err != nil {
			return nil, nil, err
		}
		src = in.Inputs
	}
	if o.Tool == "" {
		o.Tool = "lutra " + Version()
	}
	g, report, err := compress.Run(ctx, m.graph, src, m.portably(o))
	if err != nil {
		return nil, nil, err
	}
	if err := storeErrors(g, report); err != nil {
		return nil, nil, err
	}
	size, err := onnx.Size(g)
	if err != nil {
		return nil, nil, err
	}
	return &Model{path: m.path, bytes: size, graph: g, options: m.options}, report, nil
}

// portably is o with the level that computes files, unless it names one.
func (m *Model) portably(o CompressOptions) CompressOptions {
	if o.Level == nil {
		o.Level = m.portable()
	}
	return o
}

// errorsKey is the metadata key of what compressing cost, layer by layer: a JSON
// object {"weight": [weight error, output error], ...}, as in CompressReport.
const errorsKey = "lutra.errors"

// storeErrors notes in g the errors of the quantised layers, to four digits.
func storeErrors(g *graph.Graph, r *CompressReport) error {
	errs := map[string][2]json.Number{}
	for _, l := range r.Layers {
		if e := l.WeightError + l.OutputError; l.Storage == compress.Quantised && e-e == 0 {
			errs[l.Name] = [2]json.Number{fourDigits(l.WeightError), fourDigits(l.OutputError)}
		}
	}
	text, err := json.Marshal(errs)
	if err != nil {
		return err
	}
	g.Meta[errorsKey] = string(text)
	return nil
}

func fourDigits(x float64) json.Number {
	return json.Number(strconv.FormatFloat(x, 'g', 4, 64))
}

// storedErrors are the errors that the file carries, by weight name.
func (m *Model) storedErrors() map[string][2]float64 {
	var errs map[string][2]float64
	if json.Unmarshal([]byte(m.graph.Meta[errorsKey]), &errs) != nil {
		return nil
	}
	return errs
}

// CompressSizes reports what Compress would make of m, without data.
func (m *Model) CompressSizes(o CompressOptions) (*CompressReport, error) {
	return compress.Sizes(m.graph, o)
}

// Version is the version of the module in the running program, "devel" for
// builds from a working tree.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
