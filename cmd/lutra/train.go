package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
	"lutra/internal/data"
	"lutra/internal/engine"
	networks "lutra/internal/network"
	"lutra/internal/safe"
)

const (
	parabolaSamples = 2560
	defaultHoldOut  = 0.1
)

// trainFlags are the flags of train besides those of data and threads.
type trainFlags struct {
	data               []string
	out, test, holdOut string
	activation         string
	input              []int
	width              float64

	recipe          lutra.TrainRecipe
	schedule, keep  string
	warmUp          float64
	clip, ema       float64
	teacher         string
	teacherMode     string
	temperature     float64
	teacherWeight   float64
	checkpoint      string
	every           time.Duration
	resume, skipBad bool
	goesOn          bool // without --resume, too
	log, curves     string
	page            reportFlag

	lut    bool
	tables lutra.TrainTables
}

func newTrain() *cobra.Command {
	var f runFlags
	var d dataFlags
	var t trainFlags
	cmd := &cobra.Command{
		Use:   "train NETWORK|MODEL --data DATA -o OUT.onnx",
		Short: "train a standard small network, or go on training a model",
		Long: `Train learns from a data set and writes ordinary ONNX that carries its
preprocessing and class names. Every network has defaults for all flags; a model
file is fine-tuned. The test part of the data is scored after every epoch; data
without one are divided by --hold-out.

The networks:

` + networkTable() + `
Interrupted, it leaves a checkpoint from which --resume goes on and ends with the
same bytes, for any number of threads. A loss that is not finite stops it.`,
		Example: `  lutra train lenet --data mnist/ -o lenet.onnx
  lutra train resnet20 --data cifar10.tar.gz -o r20.onnx --epochs 100 --curves curves.svg
  lutra train ds-cnn-fsdd --data recordings/ --hold-out theo -o digits.onnx
  lutra train mlp --lut --data mnist/ -o tables.onnx --levels 32 --weights 100
  lutra train small.onnx --data images/ --teacher big.onnx -o taught.onnx`,
		Args: exactArgs(1, "one network or model file"),
		RunE: func(cmd *cobra.Command, args []string) error { return t.train(cmd, args[0], &f, &d) },
	}
	f.register(cmd)
	t.page.register(cmd)
	d.registerTraining(cmd)
	t.register(cmd)
	return cmd
}

// registerTraining adds the flags of data to train on.
func (d *dataFlags) registerTraining(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&d.classes, "classes", "", "file with one class name, or \"wnid name\", a line")
	fs.IntVar(&d.limit, "limit", 0, "train on this many images, drawn by --seed (0: all)")
	fs.Uint64Var(&d.seed, "seed", 1, "seed of initial weights, order and augmentation")
	d.registerPreprocess(cmd)
}

func networkTable() string {
	var b strings.Builder
	for _, n := range lutra.Networks() {
		fmt.Fprintf(&b, "  %-18s %s\n", n.Name, n.Doc)
	}
	return b.String()
}

func (t *trainFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&t.out, "output", "o", "", "file to write")
	t.registerRecipe(fs)
	fs.StringVar(&t.keep, "keep", "last", "epoch that is written: last or best (by the test, whose score then flatters)")
	fs.StringVar(&t.checkpoint, "checkpoint", "", "file that keeps the progress until the model is written (default: OUT.onnx.checkpoint)")
	fs.DurationVar(&t.every, "every", 5*time.Minute, "time between checkpoints within an epoch")
	fs.BoolVar(&t.resume, "resume", false, "go on from the checkpoint")
	grouped(fs, "Networks of lookup tables", func() {
		t.registerTables(fs)
		t.registerClustering(fs)
		t.registerConversion(fs)
	})
	fs.StringVar(&t.log, "log", "", "file for metrics, one JSON object a line")
	fs.StringVar(&t.curves, "curves", "", "file for learning curves, .svg")
}

// registerRecipe adds what is trained, on what, and how.
func (t *trainFlags) registerRecipe(fs *pflag.FlagSet) {
	fs.StringArrayVar(&t.data, "data", nil, "training data; its test part is the test, if it has one; may be repeated: then the test is held out")
	fs.StringVar(&t.test, "test", "", "test data, in the place of a part of --data")
	fs.StringVar(&t.holdOut, "hold-out", fmt.Sprint(defaultHoldOut), "what is tested on: a share of data without a test part; of spoken digits a speaker")
	fs.StringVar(&t.activation, "activation", "", "of a network: "+strings.Join(networks.Activations(), ", "))
	fs.IntSliceVar(&t.input, "input", nil, "shape of a network's input, as 3,32,32 (default: that of the images)")
	fs.Float64Var(&t.width, "width", 1, "factor on the channels of a network")
	fs.BoolVar(&t.skipBad, "skip-bad", false, "leave out images that cannot be read")
	grouped(fs, "How it learns", func() { t.registerSteps(fs) })
}

// train runs the command.
func (t *trainFlags) train(cmd *cobra.Command, arg string, f *runFlags, d *dataFlags) error {
	if err := t.checkTables(cmd); err != nil {
		return err
	}
	if err := t.check(cmd, f, arg); err != nil {
		return err
	}
	learn, err := t.prepare(cmd, arg, f, d)
	if err != nil {
		return err
	}
	o, err := t.options(d.seed)
	if err != nil {
		return err
	}
	if o.Teacher, err = t.openTeacher(f); err != nil {
		return err
	}
	shown := t.show(cmd, &o, arg)
	trained, report, err := learn(cmd.Context(), o)
	shown.clear()
	if err != nil {
		return t.explain(err)
	}
	return t.finish(cmd, trained, report, f.asJSON)
}

// learner trains one network on one data set.
type learner func(context.Context, lutra.TrainOptions) (*lutra.Model, *lutra.TrainReport, error)

// prepare opens the data, and builds or opens the network arg.
func (t *trainFlags) prepare(cmd *cobra.Command, arg string, f *runFlags, d *dataFlags) (learner, error) {
	if n, err := networks.Lookup(arg); err == nil && len(n.Input) == 1 {
		return t.prepareVectors(cmd, n, f, d.seed)
	}
	if filepath.Ext(arg) != "" && len(t.data) == 1 && strings.EqualFold(filepath.Ext(t.data[0]), ".npy") {
		return t.prepareRows(cmd, arg, f, d.seed)
	}
	if len(t.data) == 0 {
		return nil, usagef("%s: expected training data (--data DATA)", cmd.Name())
	}
	training, test, err := t.sets(d)
	if err != nil {
		return nil, err
	}
	m, p, err := t.model(cmd, arg, training, test, f, d)
	t.fewer(cmd, "batch", training)
	return func(ctx context.Context, o lutra.TrainOptions) (*lutra.Model, *lutra.TrainReport, error) {
		return m.Train(ctx, training, test, p, o)
	}, err
}

// prepareVectors is prepare for a network whose samples are no images.
func (t *trainFlags) prepareVectors(cmd *cobra.Command, n lutra.Network, f *runFlags, seed uint64) (learner, error) {
	t.fill(cmd, n.Recipe)
	t.bound()
	training, test, err := t.vectors(n, seed)
	if err != nil {
		return nil, err
	}
	no := lutra.NetworkOptions{Input: lutra.Shape{training.Features()}, Activation: t.activation, Width: t.width, Seed: seed}
	m, err := lutra.NewNetwork(n.Name, no, lutra.Preprocess{}, lutra.Options{Threads: f.threads, CPU: f.cpu()})
	if err != nil {
		return nil, usageError{err}
	}
	return func(ctx context.Context, o lutra.TrainOptions) (*lutra.Model, *lutra.TrainReport, error) {
		return m.TrainVectors(ctx, training, test, o)
	}, nil
}

// prepareRows is prepare for a model file of an auto-encoder of rows of numbers.
func (t *trainFlags) prepareRows(cmd *cobra.Command, arg string, f *runFlags, seed uint64) (learner, error) {
	t.fill(cmd, lutra.FineTuning())
	m, err := f.open(arg)
	if err != nil {
		return nil, err
	}
	training, test, err := t.vectors(lutra.Network{Name: arg}, seed)
	return func(ctx context.Context, o lutra.TrainOptions) (*lutra.Model, *lutra.TrainReport, error) {
		return m.TrainVectors(ctx, training, test, o)
	}, err
}

func (t *trainFlags) checkTeacher() error {
	if _, err := engine.ParseMode(t.teacherMode); err != nil {
		return usagef("--teacher-mode: %v", err)
	}
	return nil
}

// openTeacher is the model of --teacher, or nil.
func (t *trainFlags) openTeacher(f *runFlags) (*lutra.Model, error) {
	if t.teacher == "" {
		return nil, nil
	}
	return f.openMode(t.teacher, t.teacherMode)
}

// keepNames are the epochs that may be written.
func keepNames() []string { return []string{"last", "best"} }

// check refuses flags before anything, the model among it, is read.
func (t *trainFlags) check(cmd *cobra.Command, f *runFlags, model string) error {
	if err := checkOutput(cmd, t.out, model, t.teacher); err != nil {
		return err
	}
	if err := t.checkTeacher(); err != nil {
		return err
	}
	if !slices.Contains(keepNames(), t.keep) {
		return usagef("--keep %q: expected %s", t.keep, strings.Join(keepNames(), " or "))
	}
	if t.curves != "" && !strings.EqualFold(filepath.Ext(t.curves), ".svg") {
		return usagef("--curves: expected a file that ends in .svg, found %q", t.curves)
	}
	if err := t.page.check(cmd); err != nil {
		return err
	}
	if cmd.Flags().Changed("batch") && t.recipe.Batch < 1 {
		return usagef("--batch: expected 1 or more, found %d", t.recipe.Batch)
	}
	if _, err := data.ParseAugment(t.recipe.Augment); err != nil {
		return usageError{err}
	}
	if t.checkpoint == "" {
		t.checkpoint = t.out + ".checkpoint"
	}
	return f.check()
}

// model is the model file arg, or the network of that name for the images.
func (t *trainFlags) model(cmd *cobra.Command, arg string, training, test *lutra.DataSet, f *runFlags, d *dataFlags) (*lutra.Model, lutra.Preprocess, error) {
	n, unknown := networks.Lookup(arg)
	if unknown == nil {
		t.fill(cmd, n.Recipe)
		t.bound()
		return t.network(n, training, test, f, d)
	}
	if filepath.Ext(arg) == "" {
		return nil, lutra.Preprocess{}, usageError{unknown}
	}
	t.fill(cmd, lutra.FineTuning())
	m, err := f.open(arg)
	if err != nil {
		return nil, lutra.Preprocess{}, err
	}
	p, err := d.preprocess(m)
	return m, p, err
}

// network builds n for the images.
func (t *trainFlags) network(n lutra.Network, training, test *lutra.DataSet, f *runFlags, d *dataFlags) (*lutra.Model, lutra.Preprocess, error) {
	p, err := data.Preset(n.Preprocess)
	if err == nil {
		p, _, err = d.override(p, true)
	}
	if err != nil {
		return nil, p, err
	}
	if strings.HasPrefix(t.recipe.Augment, "patch") && p.Crop == 0 {
		p.Crop = n.Input[1]
	}
	o := lutra.NetworkOptions{Input: t.input, Activation: t.activation, Width: t.width, Seed: d.seed}
	if n.Task == networks.Classify {
		o.Outputs = classes(training, test)
	}
	if o.Input == nil {
		o.Input = n.Input.Clone()
		o.Input[0] = p.Channels()
		if first, err := training.Image(0); err == nil {
			o.Input[2], o.Input[1] = p.Size(first.W, first.H)
		} else if !t.skipBad {
			return nil, p, err
		}
	}
	m, err := lutra.NewNetwork(n.Name, o, p, lutra.Options{Threads: f.threads, CPU: f.cpu()})
	if err != nil {
		err = usageError{err}
	}
	return m, p, err
}

// classes is the number of named classes, or of those that the labels need.
func classes(sets ...*lutra.DataSet) int {
	n := 1
	for _, s := range sets {
		n = max(n, len(s.Classes()))
		for i := range s.Len() {
			n = max(n, s.Label(i)+1)
		}
	}
	return n
}

// fill takes the recipe's values where no flag was given.
func (t *trainFlags) fill(cmd *cobra.Command, r lutra.TrainRecipe) {
	given := t.recipe
	t.recipe = r
	for name, set := range map[string]func(){
		"epochs":          func() { t.recipe.Epochs = given.Epochs },
		"batch":           func() { t.recipe.Batch = given.Batch },
		"lr":              func() { t.recipe.LearningRate = given.LearningRate },
		"optimizer":       func() { t.recipe.Optimiser = given.Optimiser },
		"weight-decay":    func() { t.recipe.WeightDecay = given.WeightDecay },
		"label-smoothing": func() { t.recipe.LabelSmoothing = given.LabelSmoothing },
		"augment":         func() { t.recipe.Augment = given.Augment },
	} {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
}

func (t *trainFlags) options(seed uint64) (lutra.TrainOptions, error) {
	o := lutra.TrainOptions{
		TrainRecipe: t.recipe, Schedule: t.schedule, WarmUp: t.warmUp, Clip: t.clip, EMA: t.ema,
		Temperature: t.temperature, TeacherWeight: t.teacherWeight, Seed: seed,
		Checkpoint: t.checkpoint, Every: t.every, Resume: t.resume, KeepBest: t.keep == "best", SkipBad: t.skipBad,
	}
	if t.lut {
		o.Tables = &t.tables
	}
	for _, path := range []string{t.out, t.log, t.curves} {
		if path == "" {
			continue
		}
		if err := safe.Writable(path); err != nil {
			return o, err
		}
	}
	return o, nil
}

// record writes the metrics and the curves.
func (t *trainFlags) record(h *lutra.TrainHistory, title string) error {
	if t.log != "" {
		if err := safe.WriteFile(t.log, h.Lines); err != nil {
			return err
		}
	}
	if t.curves == "" {
		return nil
	}
	return safe.WriteFile(t.curves, func(w io.Writer) error { return h.Curves(w, title) })
}

// vectors are the samples of a network whose samples are no images.
func (t *trainFlags) vectors(n lutra.Network, seed uint64) (training, test *lutra.Vectors, err error) {
	var all *lutra.Vectors
	switch {
	case n.Data == "parabola" && len(t.data) > 0:
		return nil, nil, usagef("train %s: draws its data itself, expected no --data", n.Name)
	case n.Data == "parabola":
		all = lutra.Parabola(parabolaSamples, seed)
	case len(t.data) != 1:
		return nil, nil, usagef("train %s: expected one .npy file of samples x features (--data FILE.npy)", n.Name)
	default:
		if all, err = lutra.OpenVectors(t.data[0]); err != nil {
			return nil, nil, err
		}
	}
	share, err := t.share()
	if err != nil {
		return nil, nil, err
	}
	return all.Divide(share, seed)
}
