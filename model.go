package lutra

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/onnx"
	"lutra/internal/safe"
	"lutra/internal/tensor"
	"lutra/internal/tflite"
	"lutra/internal/torch"
)

// Tensor is a dense array; see NewTensor and its methods Float32s and Reshape.
type Tensor = tensor.Tensor

// Shape lists dimensions, outermost first.
type Shape = tensor.Shape

// Preprocess says how an image becomes one sample of a network's input.
type Preprocess = data.Preprocess

// FormatError says what is wrong in a file and where.
type FormatError = safe.FormatError

// OptionError says that a caller asked for what there is not: an option out of
// its range, a name that is not known. The command exits with 2 for it.
type OptionError = safe.OptionError

// NewTensor is a float32 tensor on v, which must have exactly the elements of the shape.
func NewTensor(v []float32, shape ...int) *Tensor { return tensor.Of(v, shape...) }

// Options say how a model is opened and run. The zero value uses every
// processor and its best instructions.
type Options struct {
	Threads int    // per session; 0: one per processor
	CPU     string // instruction set: "", "generic", "fused", "avx2", "avx512"
	Mode    string // arithmetic: "" or "fp32", "bf16", "int8", "auto", "lut", "lut16"; see ARCHITECTURE.md
	Arch    string // of a PyTorch file, where its keys do not tell; see Architectures
	Costs   Costs  // for the times that plans predict; nil: those of one processor, embedded
}

// Value is an input or output of a model. A dimension is -1 where the file
// leaves it open.
type Value struct {
	Name  string
	DType string
	Shape Shape
}

// Model is a network read from a file. It is safe for concurrent use.
type Model struct {
	path    string
	bytes   int64
	graph   *graph.Graph
	options engine.Options

	compile  sync.Once
	compiled *engine.Model
	lut      lutModel // in modes lut and lut16
	failed   error
}

// Metadata keys of the ONNX files that lutra writes.
const (
	preprocessKey = "lutra.preprocess" // JSON of Preprocess
	labelsKey     = "lutra.labels"     // JSON list of class names
)

const modelFiles = "a model file (.onnx, .pth, .pt, .th, .tflite)"

// Open reads an ONNX file, or imports a PyTorch file (.pth, .pt, .th) or a
// TensorFlow Lite file (.tflite).
func Open(path string, o Options) (*Model, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, &safe.FormatError{File: path, Expected: modelFiles, Found: "a folder"}
	}
	var g *graph.Graph
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".onnx":
		g, err = onnx.ReadFile(path)
	case ".pth", ".pt", ".th":
		g, err = torch.Import(path, torch.ImportOptions{Arch: o.Arch})
	case ".tflite":
		g, err = tflite.Import(path)
	default:
		return nil, &safe.FormatError{File: path, Expected: modelFiles, Found: fmt.Sprintf("extension %q", ext)}
	}
	if err != nil {
		return nil, err
	}
	return newModel(path, st.Size()+g.External, g, o)
}

// Decode reads the bytes of an ONNX file; name is used in messages.
func Decode(name string, b []byte, o Options) (*Model, error) {
	g, err := onnx.Decode(name, b, nil)
	if err != nil {
		return nil, err
	}
	return newModel(name, int64(len(b)), g, o)
}

func newModel(path string, bytes int64, g *graph.Graph, o Options) (*Model, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	m := &Model{path: path, bytes: bytes, graph: g, options: engine.Options{Threads: o.Threads, Costs: o.Costs}}
	var err error
	if o.Mode == lutMode || o.Mode == lut16Mode {
		m.lut.mode, o.Mode = o.Mode, ""
	}
	if m.options.Mode, err = engine.ParseMode(o.Mode); err != nil {
		return nil, err
	}
	if o.CPU != "" {
		level, err := kernel.ParseLevel(o.CPU)
		if err != nil {
			return nil, err
		}
		m.options.Level = &level
	}
	return m, nil
}

// level is the instruction set that the model runs on.
func (m *Model) level() kernel.Level {
	if m.options.Level != nil {
		return *m.options.Level
	}
	return kernel.Best()
}

// portable is the one that computes files: they are the same whatever the processor.
func (m *Model) portable() *kernel.Level {
	level := m.level().Portable()
	return &level
}

// Architectures lists the names that Options.Arch takes.
func Architectures() []string { return torch.Architectures() }

// Path is the file the model was read from.
func (m *Model) Path() string { return m.path }

// FileBytes is the size of the file the model was read from, with the files of
// its external data.
func (m *Model) FileBytes() int64 { return m.bytes }

// Save writes the model as ONNX. The file is complete or absent.
func (m *Model) Save(path string) error { return onnx.WriteFile(path, m.graph) }

// Encode is the model as the bytes of an ONNX file.
func (m *Model) Encode() ([]byte, error) { return onnx.Encode(m.graph) }

// Inputs lists the inputs of the model.
func (m *Model) Inputs() []Value { return values(m.graph.Inputs) }

// Outputs lists the outputs of the model.
func (m *Model) Outputs() []Value { return values(m.graph.Outputs) }

func values(vs []graph.Value) []Value {
	out := make([]Value, len(vs))
	for i, v := range vs {
		out[i] = Value{Name: v.Name, DType: v.DType.String(), Shape: make(Shape, len(v.Dims))}
		for j, d := range v.Dims {
			out[i].Shape[j] = max(d.Size, -1)
		}
	}
	return out
}

// Preprocess is the preprocessing that the file carries; ok is false if it carries none.
func (m *Model) Preprocess() (p Preprocess, ok bool, err error) {
	text, ok := m.graph.Meta[preprocessKey]
	if !ok {
		return Preprocess{}, false, nil
	}
	p, err = data.ParsePreprocess(m.path+": "+preprocessKey, []byte(text))
	return p, true, err
}

// Labels are the class names that the file carries, or nil.
func (m *Model) Labels() []string {
	var labels []string
	if json.Unmarshal([]byte(m.graph.Meta[labelsKey]), &labels) != nil {
		return nil
	}
	return labels
}

// Metadata is a copy of the file's metadata.
func (m *Model) Metadata() map[string]string { return maps.Clone(m.graph.Meta) }

// Describe puts preprocessing and class names into the model, to be stored by
// Save. labels may be nil.
func (m *Model) Describe(p Preprocess, labels []string) error {
	if err := p.Validate(); err != nil {
		return err
	}
	set := func(key string, v any) error {
		b, err := json.Marshal(v)
		if m.graph.Meta == nil {
			m.graph.Meta = map[string]string{}
		}
		m.graph.Meta[key] = string(b)
		return err
	}
	if err := set(preprocessKey, p); err != nil {
		return err
	}
	if labels == nil {
		return nil
	}
	return set(labelsKey, labels)
}

// engine compiles the model when it is first needed.
func (m *Model) engine() (*engine.Model, error) {
	m.compile.Do(func() { m.compiled, m.failed = engine.Compile(m.graph, m.options) })
	return m.compiled, m.failed
}

// Mode is the arithmetic that the model runs in: what Options asked for, or
// fp32 instead of auto where the file carries no ranges of activations.
func (m *Model) Mode() (string, error) {
	if m.lut.mode != "" {
		return m.lut.mode, nil
	}
	eng, err := m.engine()
	if err != nil {
		return "", err
	}
	return eng.Mode().String(), nil
}

// ReadLabels reads a file of class names, one a line; "wnid name" lines of
// ImageNet's synset list yield the names.
func ReadLabels(path string) ([]string, error) { return data.ReadClasses(path) }
