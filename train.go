package lutra

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"lutra/internal/data"
	"lutra/internal/fit"
	"lutra/internal/graph"
	"lutra/internal/network"
	"lutra/internal/onnx"
)

// Names of the packages below that belong to the public API.
type (
	// Network is a row of the table of networks that NewNetwork builds.
	Network = network.Network
	// NetworkOptions choose among the forms of a network.
	NetworkOptions = network.Options
	// TrainRecipe is how a network is trained unless the user says otherwise.
	TrainRecipe = network.Recipe
	// TrainProgress is where a training is.
	TrainProgress = fit.Progress
	// TrainHistory is the course of a training: points of the loss curve, and epochs.
	TrainHistory = fit.History
	// TrainCodes says how the codes of codebooks are changed.
	TrainCodes = fit.Codes
	// Vectors are training samples that are no images.
	Vectors = data.Vectors
)

// Networks is the table of networks that NewNetwork builds.
func Networks() []Network { return network.All() }

// NewNetwork builds an untrained network. p becomes the preprocessing that it carries.
func NewNetwork(name string, o NetworkOptions, p Preprocess, opt Options) (*Model, error) {
	n, err := network.Lookup(name)
	if err != nil {
		return nil, err
	}
	g, err := n.Build(o)
	if err != nil {
		return nil, err
	}
	m, err := newModel(name, 0, g, opt)
	if err != nil {
		return nil, err
	}
	if len(n.Input) == 3 {
		err = m.Describe(p, nil)
	}
	return m, err
}

// OpenVectors reads the rows of a float32 array in NumPy's .npy format.
func OpenVectors(path string) (*Vectors, error) { return data.OpenVectors(path) }

// Parabola draws n points x from [-1, 1] with x*x to learn, the samples of the network of that name.
func Parabola(n int, seed uint64) *Vectors { return data.Parabola(n, seed) }

// FineTuning is the recipe for models that are already trained. Adam is
// indifferent to the scale of their inputs: SGD at a rate that suits normalised
// images ruins a network that takes 0...255.
func FineTuning() TrainRecipe {
	return TrainRecipe{Epochs: 10, Batch: 64, Optimiser: "adam", LearningRate: 5e-5, Augment: "none"}
}

// TrainOptions say how a model is trained. The Recipe must be complete; the
// other fields may be left out.
type TrainOptions struct {
	TrainRecipe
	Schedule string  // of the learning rate: cosine (also ""), step, constant
	WarmUp   float64 // epochs in which it rises
	Clip     float64 // largest norm of the gradient; 0: any
	EMA      float64 // factor a step of averaged weights; 0: none

	// Teacher is the model whose scores are learned, with the labels or without
	// any; nil: none. It computes them in the mode that it was opened for, in
	// float32 where that is one of tables.
	Teacher       *Model
	Temperature   float64 // of the distillation; 0: 4
	TeacherWeight float64 // share of the distillation in the loss where there are labels; 0: 0.9

	Tables *TrainTables // make a network of lookup tables; nil: of numbers

	// Of networks of codebooks, see Tune.
	Codes     *TrainCodes // change codes, too; nil: they stay
	WordsOnly bool        // train nothing but codewords
	MeanWords bool        // the gradient of a codeword is the mean over its blocks, not the sum
	Pieces    int         // epochs of reconstructing the network piece by piece, before the others
	Baseline  bool        // test the network as it is, too, and hand out what has the least test loss

	Seed       uint64        // of order, augmentation and dropout
	Checkpoint string        // file that keeps the progress; "": none
	Every      time.Duration // between checkpoints within an epoch; 0: five minutes
	Resume     bool          // go on from the checkpoint
	KeepBest   bool          // hand out the epoch with the best test instead of the last
	SkipBad    bool          // leave unreadable images out
	Memory     int64         // bytes of decoded images to keep; 0: 512 MiB

	Loading  func(done, total int)     // while images are decoded; may be nil
	Progress func(TrainProgress)       // after every step; may be nil
	Record   func(*TrainHistory) error // after every epoch; may be nil
}

// TrainReport says how a training went.
type TrainReport struct {
	Network    string  `json:"network"`
	Parameters int     `json:"parameters"` // trained numbers
	Samples    int     `json:"samples"`    // of the training set
	Tested     int     `json:"tested"`     // samples of the test set
	Skipped    int     `json:"skipped"`    // unreadable images
	Seconds    float64 `json:"seconds"`    // of all epochs, with tests
	Epoch      int     `json:"epoch"`      // that was kept, from 1
	// Its test; nil where there was none, the accuracy also where there are no classes.
	TestLoss  *float64 `json:"test_loss,omitempty"`
	TestTop1  *float64 `json:"test_top1,omitempty"`
	BestEpoch int      `json:"best_epoch,omitempty"` // that tested best
	BestTop1  *float64 `json:"best_top1,omitempty"`

	History *TrainHistory `json:"history"`
}

const defaultMemory = 512 << 20

// Train trains the weights of m on images and returns the trained model and
// how it went; m is left alone. training and test may be of one source; test
// may be nil. The result carries p and the class names of the training set.
func (m *Model) Train(ctx context.Context, training, test *DataSet, p Preprocess, o TrainOptions) (*Model, *TrainReport, error) {
	report := &TrainReport{}
	c, err := m.course(ctx, training, test, p, o, report)
	if err != nil {
		return nil, nil, err
	}
	trained, err := m.run(ctx, c.src, c.test, o, c.note, report)
	if err != nil {
		return nil, nil, err
	}
	return trained, report, trained.Describe(c.p, training.Classes())
}

// course is what a network is trained on.
type course struct {
	src  fit.Source
	test fit.Test // nil: none
	p    Preprocess
	note string // what it is, for checkpoints and provenance
}

// course checks the sets against the network and decodes them.
func (m *Model) course(ctx context.Context, training, test *DataSet, p Preprocess, o TrainOptions, report *TrainReport) (*course, error) {
	task, _, err := fit.TaskOf(m.graph)
	if err != nil {
		return nil, err
	}
	if err := m.checkTeacher(p, o.Teacher); err != nil {
		return nil, err
	}
	for _, set := range []*DataSet{training, test} {
		if err := m.checkLabels(set, task, o.Teacher != nil); err != nil {
			return nil, err
		}
	}
	in, err := m.samples(training, p)
	if err != nil {
		return nil, err
	}
	p.Layout = in.layout(p)
	for _, set := range []**DataSet{&training, &test} {
		if *set, err = m.load(ctx, *set, o, report); err != nil {
			return nil, err
		}
	}
	c := &course{p: p, note: fmt.Sprintf("%d of %s, %v", training.Len(), training.Path(), p)}
	if c.src, c.test, err = m.sources(in, training, test, p, o); err != nil {
		return nil, err
	}
	report.Samples = training.Len()
	if test != nil {
		report.Tested = test.Len()
	}
	return c, nil
}

// load decodes the images of a set, which may be nil.
func (m *Model) load(ctx context.Context, set *DataSet, o TrainOptions, report *TrainReport) (*DataSet, error) {
	if set == nil {
		return nil, nil
	}
	set, bad, err := set.Load(ctx, data.LoadOptions{
		Memory: cmp.Or(o.Memory, defaultMemory), SkipBad: o.SkipBad, Threads: threads(m.options.Threads), Progress: o.Loading,
	})
	report.Skipped += len(bad)
	return set, err
}

// sources are the training batches and the test, which is nil without a test set.
func (m *Model) sources(in *samples, training, test *DataSet, p Preprocess, o TrainOptions) (fit.Source, fit.Test, error) {
	augment, err := data.ParseAugment(o.Augment)
	if err != nil {
		return nil, nil, err
	}
	width, height, err := in.size(training)
	if err != nil {
		return nil, nil, err
	}
	src, err := training.Batches(p, data.BatchOptions{Size: o.Batch, Width: width, Height: height, Augment: augment, Seed: o.Seed, Threads: threads(m.options.Threads)})
	if err != nil || test == nil {
		return src, nil, err
	}
	measured, err := test.Inputs(p, width, height)
	return src, measured, err
}

// TrainVectors is Train for samples that are no images.
func (m *Model) TrainVectors(ctx context.Context, training, test *Vectors, o TrainOptions) (*Model, *TrainReport, error) {
	report := &TrainReport{Samples: training.Len()}
	src, err := training.Batches(o.Batch, o.Seed)
	if err != nil {
		return nil, nil, err
	}
	if err := training.Input(0, make([]float32, m.inputShapes(1)[m.graph.Inputs[0].Name].Elems())); err != nil {
		return nil, nil, err
	}
	var measured fit.Test
	if test != nil {
		measured, report.Tested = test, test.Len()
	}
	trained, err := m.run(ctx, src, measured, o, fmt.Sprintf("%d vectors", training.Len()), report)
	return trained, report, err
}

// run trains the network and completes the report.
func (m *Model) run(ctx context.Context, src fit.Source, test fit.Test, o TrainOptions, note string, report *TrainReport) (*Model, error) {
	g, err := m.converted(ctx, src, o.Tables)
	if err != nil {
		return nil, err
	}
	trained, history, err := fit.Run(ctx, g, src, test, m.fitOptions(o, note))
	if err != nil {
		return nil, err
	}
	report.complete(g, history, o)
	size, err := onnx.Size(trained)
	if err != nil {
		return nil, err
	}
	return &Model{path: m.path, bytes: size, graph: trained, options: m.options}, nil
}

// fitOptions are the options of package fit; note is what the data are.
func (m *Model) fitOptions(o TrainOptions, note string) fit.Options {
	f := fit.Options{
		Recipe: o.TrainRecipe, Schedule: o.Schedule, WarmUp: o.WarmUp, Clip: o.Clip, EMA: o.EMA,
		Temperature: o.Temperature, TeacherWeight: o.TeacherWeight,
		Seed: o.Seed, Threads: threads(m.options.Threads), Level: m.portable(),
		Checkpoint: o.Checkpoint, Every: o.Every, Resume: o.Resume, KeepBest: o.KeepBest,
		Codes: o.Codes, WordsOnly: o.WordsOnly, MeanWords: o.MeanWords, Baseline: o.Baseline, Pieces: o.Pieces,
		Data: note, Tool: "lutra " + Version(), Progress: o.Progress, Record: o.Record,
	}
	if o.Teacher != nil {
		f.Teacher, f.TeacherMode = o.Teacher.graph, o.Teacher.options.Mode
	}
	if o.Tables != nil {
		f.Tables = &fit.Tables{Weights: o.Tables.weights(), Every: o.Tables.Every, From: o.Tables.From, Anneal: o.Tables.Anneal, Bounds: o.Tables.Learn}
	}
	return f
}

func (r *TrainReport) complete(g *graph.Graph, h *TrainHistory, o TrainOptions) {
	r.Network, r.Parameters, r.History = g.Name, network.Parameters(g), h
	last := h.Kept()
	if len(h.Epochs) > 0 {
		last = &h.Epochs[len(h.Epochs)-1]
	}
	for _, e := range h.Epochs {
		r.Seconds += e.Seconds
	}
	if best := h.Best(); best != nil {
		r.BestEpoch, r.BestTop1 = best.Epoch, best.TestTop1
		if o.KeepBest {
			last = best
		}
	}
	if o.Baseline {
		last = h.Kept()
	}
	r.Epoch, r.TestLoss, r.TestTop1 = last.Epoch, last.TestLoss, last.TestTop1
}
