package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
	"lutra/internal/data"
	"lutra/internal/kernel"
)

// runFlags are the flags of commands that run models.
type runFlags struct {
	threads int
	asJSON  bool
	arch    string
	mode    string
	costs   string // file
}

func (f *runFlags) register(cmd *cobra.Command) {
	f.registerThreads(cmd)
	cmd.Flags().StringVar(&f.arch, "arch", "", "architecture of a PyTorch file, if its keys do not tell")
}

// registerThreads adds those of commands that read no model.
func (f *runFlags) registerThreads(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.threads, "threads", 0, "threads (0: one per processor)")
	jsonFlag(cmd, &f.asJSON)
}

// registerMode adds --mode, for commands that compute with the model.
func (f *runFlags) registerMode(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.mode, "mode", "fp32", "arithmetic: fp32; bf16 (nothing to calibrate); int8; auto (int8 where it agrees with fp32, given ranges from lutra calibrate); lut (networks of lookup tables: exact products); lut16 (rounded ones, as emit-c writes them)")
}

func jsonFlag(cmd *cobra.Command, v *bool) {
	cmd.Flags().BoolVar(v, "json", false, "print one JSON object on stdout")
}

// cpu is the instruction set that LUTRA_CPU forces, or "".
func (f *runFlags) cpu() string { return os.Getenv("LUTRA_CPU") }

// mostThreads bounds --threads: waiting for more costs more than they help.
const mostThreads = 1024

// check refuses what is wrong before any file is read, and names the variable,
// which package lutra does not know.
func (f *runFlags) check() error {
	if f.threads < 0 || f.threads > mostThreads {
		return usagef("--threads: expected 0 to %d, found %d", mostThreads, f.threads)
	}
	if _, err := kernel.ParseLevel(f.cpu()); f.cpu() != "" && err != nil {
		return usageError{fmt.Errorf("LUTRA_CPU: %w", err)}
	}
	return nil
}

// open reads a model.
func (f *runFlags) open(path string) (*lutra.Model, error) {
	return f.openMode(path, f.mode)
}

// openMode reads a model to be run in the given mode.
func (f *runFlags) openMode(path, mode string) (*lutra.Model, error) {
	if err := lutra.CheckMode(mode); err != nil {
		return nil, usageError{err}
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	var costs lutra.Costs
	if f.costs != "" {
		var err error
		if costs, err = lutra.ReadCosts(f.costs); err != nil {
			return nil, err
		}
	}
	return lutra.Open(path, lutra.Options{Threads: f.threads, CPU: f.cpu(), Arch: f.arch, Mode: mode, Costs: costs})
}

// dataFlags choose a data set and its preprocessing.
type dataFlags struct {
	split, classes string
	limit          int
	seed           uint64

	preset        string
	resize, crop  int
	interpolation string
	scale         float64
	mean, std     []float64
	order, layout string
	changed       func(name string) bool
}

func (f *dataFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.split, "split", "", "part of the data set, where it has several (train, test)")
	fs.StringVar(&f.classes, "classes", "", "file with one class name, or \"wnid name\", a line")
	fs.IntVar(&f.limit, "limit", 0, "use this many images, drawn by --seed (0: all)")
	fs.Uint64Var(&f.seed, "seed", 1, "seed of every random choice")
	f.registerPreprocess(cmd)
}

func (f *dataFlags) registerPreprocess(cmd *cobra.Command) {
	fs := cmd.Flags()
	f.changed = fs.Changed
	grouped(fs, "Preprocessing of images", func() { f.addPreprocess(fs) })
}

func (f *dataFlags) addPreprocess(fs *pflag.FlagSet) {
	fs.StringVar(&f.preset, "preprocess", "", "preprocessing: "+strings.Join(data.PresetNames(), ", ")+" (default: what the model carries)")
	fs.IntVar(&f.resize, "resize", 0, "short side after resizing, in pixels")
	fs.IntVar(&f.crop, "crop", 0, "side of the middle square that is kept")
	fs.StringVar(&f.interpolation, "interpolation", "", "nearest, box, bilinear, bicubic or lanczos")
	fs.Float64Var(&f.scale, "scale", 0, "factor on pixel values 0...255, before --mean and --std")
	fs.Float64SliceVar(&f.mean, "mean", nil, "mean per channel, subtracted after --scale")
	fs.Float64SliceVar(&f.std, "std", nil, "standard deviation per channel")
	fs.StringVar(&f.order, "order", "", "channel order: RGB, BGR or L")
	fs.StringVar(&f.layout, "layout", "", "NCHW or NHWC")
}

// set opens the data set at path.
func (f *dataFlags) set(path string) (*lutra.DataSet, error) {
	if f.limit < 0 {
		return nil, usagef("--limit: expected 0 or more, found %d", f.limit)
	}
	s, err := lutra.OpenData(path, f.split, f.classes)
	if err != nil {
		return nil, err
	}
	return s.Subset(f.limit, f.seed), nil
}

// readClasses reads the class names in the file at path, as many as m has
// scores; without a file they are those that m carries.
func readClasses(m *lutra.Model, path string) ([]string, error) {
	if path == "" {
		return m.Labels(), nil
	}
	names, err := lutra.ReadLabels(path)
	if err != nil {
		return nil, err
	}
	if out := m.Outputs(); len(out) > 0 && len(out[0].Shape) == 2 {
		if scores := out[0].Shape[1]; scores > 0 && scores != len(names) {
			return nil, &lutra.FormatError{File: path, Expected: fmt.Sprintf("%d class names, one for every score of %s", scores, m.Path()), Found: fmt.Sprint(len(names))}
		}
	}
	return names, nil
}

// sets opens the data sets at all paths and joins them.
func (f *dataFlags) sets(paths []string) (*lutra.DataSet, error) {
	var all []*lutra.DataSet
	for _, path := range paths {
		s, err := f.set(path)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return lutra.JoinData(all...), nil
}

// images opens the data set at path, and says how its images become inputs of m.
func (f *dataFlags) images(m *lutra.Model, path string) (*lutra.DataSet, lutra.Preprocess, error) {
	set, err := f.set(path)
	if err != nil {
		return nil, lutra.Preprocess{}, err
	}
	p, err := f.preprocess(m)
	return set, p, err
}

// preprocess is, in order of precedence, single flags, --preprocess, what the
// model carries.
func (f *dataFlags) preprocess(m *lutra.Model) (lutra.Preprocess, error) {
	p, err := f.preprocessOf(m)
	if err != nil {
		return lutra.Preprocess{}, err
	}
	if p == nil {
		return lutra.Preprocess{}, fmt.Errorf("%s: carries no preprocessing: say how images become its input (--preprocess imagenet, or --mean, --std, --scale, ...)", m.Path())
	}
	return *p, nil
}

// preprocessOf is the same, and nil where nothing tells it.
func (f *dataFlags) preprocessOf(m *lutra.Model) (*lutra.Preprocess, error) {
	p, known, err := m.Preprocess()
	if err != nil && f.preset == "" {
		return nil, err
	}
	if p, known, err = f.override(p, known); err != nil || !known {
		return nil, err
	}
	return &p, nil
}

// override applies the flags to p, which is known if anything says that it is right.
func (f *dataFlags) override(p lutra.Preprocess, known bool) (lutra.Preprocess, bool, error) {
	if f.preset != "" {
		var err error
		if p, err = data.Preset(f.preset); err != nil {
			return p, false, usageError{err}
		}
		known = true
	}
	for name, set := range map[string]func(){
		"resize":        func() { p.Resize = f.resize },
		"crop":          func() { p.Crop = f.crop },
		"interpolation": func() { p.Interpolation = data.Filter(f.interpolation) },
		"scale":         func() { p.Scale = f.scale },
		"mean":          func() { p.Mean = f.mean },
		"std":           func() { p.Std = f.std },
		"order":         func() { p.Order = f.order },
		"layout":        func() { p.Layout = f.layout },
	} {
		if f.changed(name) {
			set()
			known = true
		}
	}
	if err := p.Validate(); err != nil {
		return p, known, usageError{err}
	}
	return p, known, nil
}
