// Package fit trains a network on a data set: epochs, learning rate, test,
// distillation, history, and checkpoints from which an interrupted training
// goes on exactly.
package fit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/graph"
	"lutra/internal/kernel"
	"lutra/internal/network"
	"lutra/internal/onnx"
	"lutra/internal/safe"
	"lutra/internal/train"
)

// Source makes the training batches: samples of the network's only input.
// Batches depend on the epoch and their number alone.
type Source interface {
	PerEpoch() int // batches
	// Epoch calls visit with batches first, first+1, ... of an epoch.
	Epoch(ctx context.Context, epoch, first int, visit func(number int, batch *data.Batch) error) error
}

// Options say how a network is trained.
type Options struct {
	network.Recipe         // Augment is the Source's business and only noted
	Schedule       string  // of the learning rate: cosine (also ""), step (a tenth at 1/2, 3/4 of the epochs), constant
	WarmUp         float64 // epochs in which the learning rate rises
	Clip           float64 // largest norm of the gradient; 0: any
	EMA            float64 // factor a step of averaged weights, which are tested and kept in place of the last; 0: none

	Teacher       *graph.Graph // of the same input and classes; nil: none
	TeacherMode   engine.Mode  // how it computes its scores; those that pieces learn are of Float32
	Temperature   float64      // of the distillation; 0: 4
	TeacherWeight float64      // share of the distillation in the loss where there are labels; 0: 0.9

	Tables *Tables // weights of few values, in the result too; nil: any

	Codes     *Codes // codes of codebooks are changed, too; nil: they stay
	WordsOnly bool   // nothing but codewords is trained
	MeanWords bool   // the gradient of a codeword is the mean over its blocks, not the sum
	// Baseline tests the network before it is trained, and hands out the best of
	// all epochs and that, by the loss of the test.
	Baseline bool
	// Pieces is how often the images are shown to every piece of the network
	// when they are trained one after the other, before the epochs; 0: not.
	// Needs a teacher and Baseline. Epochs may then be 0.
	Pieces int

	weight string // whose codewords alone are trained, see Layer; "": all

	Seed    uint64
	Threads int
	Level   *kernel.Level // nil: the best

	Checkpoint string        // file that keeps the progress; "": none
	Every      time.Duration // between checkpoints within an epoch; 0: five minutes
	Resume     bool          // go on from the checkpoint, which must exist
	KeepBest   bool          // the result is the epoch with the best test, not the last
	Data       string        // what the source and the test are, for checkpoint and provenance
	Tool       string        // version that the provenance names

	Progress func(Progress)       // after every step; may be nil
	Record   func(*History) error // after every epoch; may be nil
}

// Progress is where a training is.
type Progress struct {
	Piece, Pieces int // the piece that is being reconstructed, from 1; 0: none is
	Epoch, Epochs int // the epoch, from 1
	Step, Steps   int // made, in all
	Loss          float64
}

// optimisers are the values of Recipe.Optimiser.
var optimisers = map[string]train.OptimiserOptions{
	"sgd":   {Rule: train.SGD, Momentum: 0.9, Nesterov: true},
	"adam":  {Rule: train.Adam},
	"adamw": {Rule: train.AdamW},
}

// Optimisers and Schedules list what Options accept.
func Optimisers() []string { return []string{"sgd", "adam", "adamw"} }

// Schedules lists the values of Options.Schedule.
func Schedules() []string { return []string{"cosine", "step", "constant"} }

func (o *Options) check() error {
	if o.Schedule == "" {
		o.Schedule = "cosine"
	}
	if o.Temperature == 0 {
		o.Temperature = 4
	}
	if o.TeacherWeight == 0 {
		o.TeacherWeight = 0.9
	}
	if o.Every == 0 {
		o.Every = 5 * time.Minute
	}
	switch {
	case o.Pieces < 0 || o.Pieces > 0 && (o.Teacher == nil || !o.Baseline):
		return safe.Optionf("pieces: expected 0 or more epochs, a teacher and held-out samples")
	case o.Epochs < 1 && o.Pieces == 0 || o.Epochs < 0 || o.Epochs > 1_000_000:
		return safe.Optionf("epochs %d: expected 1 to 1000000", o.Epochs)
	case o.Batch < 1 || o.Batch > 1<<16:
		return safe.Optionf("batch %d: expected 1 to %d", o.Batch, 1<<16)
	case !slices.Contains(Optimisers(), o.Optimiser):
		return safe.Optionf("optimizer %q: expected one of %s", o.Optimiser, strings.Join(Optimisers(), ", "))
	case !slices.Contains(Schedules(), o.Schedule):
		return safe.Optionf("schedule %q: expected one of %s", o.Schedule, strings.Join(Schedules(), ", "))
	}
	for _, v := range []struct {
		name      string
		value     float64
		low, high float64
	}{
		{"learning rate", o.LearningRate, 0, 1e6}, {"weight decay", o.WeightDecay, 0, 1e3}, {"label smoothing", o.LabelSmoothing, 0, 0.99},
		{"warm-up", o.WarmUp, 0, 1e6}, {"clip", o.Clip, 0, 1e12}, {"ema", o.EMA, 0, 0.999999},
		{"temperature", o.Temperature, 1e-3, 1e3}, {"teacher weight", o.TeacherWeight, 0, 1},
	} {
		if !(v.value >= v.low && v.value <= v.high) {
			return safe.Optionf("%s %g: expected %g to %g", v.name, v.value, v.low, v.high)
		}
	}
	if err := o.checkCodes(); err != nil {
		return err
	}
	return o.checkTables()
}

// schedule is the learning rate over all steps.
func (o *Options) schedule(perEpoch int) train.Schedule {
	s := train.Schedule{Base: o.LearningRate, Warmup: int(o.WarmUp * float64(perEpoch)), Steps: o.Epochs * perEpoch}
	switch o.Schedule {
	case "cosine":
		s.Cosine = true
	case "step":
		s.Milestones, s.Factor = []int{s.Steps / 2, s.Steps * 3 / 4}, 0.1
	}
	return s
}

// ErrExists says that there is a checkpoint that Run was not told to go on from.
var ErrExists = errors.New("holds the progress of an interrupted training")

// ErrNone says that there is no checkpoint, and Run was told to go on from one.
var ErrNone = errors.New("expected the progress of an interrupted training, found no such file")

// Run trains g, which it leaves alone, and returns the trained network. Where
// the work is interrupted by ctx it first saves a checkpoint.
func Run(ctx context.Context, g *graph.Graph, src Source, test Test, o Options) (*graph.Graph, *History, error) {
	j, err := newJob(ctx, g, src, test, o)
	if err != nil {
		return nil, nil, err
	}
	if err := j.start(ctx); err != nil {
		return nil, nil, err
	}
	if j.finished() && o.Record != nil { // the run that finished may have been killed before it could
		if err := o.Record(&j.at.History); err != nil {
			return nil, nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if err := j.baseline(ctx); err != nil {
		return nil, nil, err
	}
	if err := j.reconstruct(ctx); err != nil {
		return nil, nil, err
	}
	for j.at.Epoch < j.o.Epochs {
		if err := j.epoch(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				err = j.interrupted(ctx)
			}
			return nil, nil, err
		}
	}
	out, err := j.result(ctx)
	return out, &j.at.History, err
}

// finished says whether nothing is left to train.
func (j *job) finished() bool {
	return j.at.Epoch == j.o.Epochs && (j.o.Pieces == 0 || j.at.Pieces < 0)
}

// interrupted saves a checkpoint and says why the training ends: not with
// context.Canceled if progress is lost.
func (j *job) interrupted(ctx context.Context) error {
	if err := j.save(); err != nil {
		return fmt.Errorf("interrupted, and the progress could not be saved: %w", err)
	}
	return ctx.Err()
}

// job is one training.
type job struct {
	o        Options
	graph    *graph.Graph
	src      Source
	test     Test
	task     network.Task
	trainer  *train.Trainer
	teacher  *teacher
	scores   map[int][]float32 // the teacher's, by the first held-out sample of a batch; see exam.taught
	output   *train.Output     // that the loss reads
	tables   *tables           // nil: weights may have any value
	identity string            // fingerprint of network, data and options
	at       position
	best     state // of the trainer after the best epoch
	saved    time.Time
	begun    time.Time // of the epoch, or of this run within it
}

func newJob(ctx context.Context, g *graph.Graph, src Source, test Test, o Options) (*job, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	j := &job{o: o, graph: g, src: src, test: test, saved: time.Now(), scores: map[int][]float32{}}
	logits, err := j.examine()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	net, err := train.Compile(ctx, g, train.Options{
		Batch: o.Batch, Outputs: []string{logits}, Threads: o.Threads, Level: o.Level, Seed: o.Seed, FrozenNorm: o.frozen(g),
		Drift: o.Codes != nil, MeanWords: o.MeanWords, Trainable: o.trainable(g),
		LearnBounds: o.Tables != nil && o.Tables.Bounds,
	})
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(g.Nodes, (*graph.Node).IsCodebook) {
		scaleRates(net.Params())
	}
	for _, p := range net.Params() {
		if p.Of != nil {
			p.Rate *= o.Codes.Rate
		}
	}
	j.output = net.Outputs()[0]
	opt := optimisers[o.Optimiser]
	opt.Decay, opt.Clip, opt.EMA = o.WeightDecay, o.Clip, o.EMA
	j.trainer = train.NewTrainer(net, opt, o.schedule(src.PerEpoch()))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if j.tables, err = newTables(g, net, o, src.PerEpoch()); err != nil {
		return nil, err
	}
	if o.Teacher != nil {
		if j.teacher, err = newTeacher(ctx, g, o); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return j, j.fingerprint(ctx)
}

// fingerprint identifies the training, so that no other goes on from its checkpoint.
func (j *job) fingerprint(ctx context.Context) error {
	h := sha256.New()
	for _, g := range []*graph.Graph{j.graph, j.o.Teacher} {
		if g == nil {
			continue
		}
		if err := writeGraph(ctx, h, g); err != nil {
			return err
		}
	}
	b, err := json.Marshal(j.o.Noted())
	if err != nil {
		return err
	}
	h.Write(b)
	j.identity = hex.EncodeToString(h.Sum(nil))
	return nil
}

// writeGraph writes all of g to a hash, constants apart from the rest: they are
// most of it, and need not be copied.
func writeGraph(ctx context.Context, h hash.Hash, g *graph.Graph) error {
	rest := *g
	rest.Consts = nil
	b, err := onnx.Encode(&rest)
	if err != nil {
		return err
	}
	h.Write(b)
	for _, name := range slices.Sorted(maps.Keys(g.Consts)) {
		c := g.Consts[name]
		fmt.Fprintf(h, "%q %v %v\n", name, c.DType, c.Shape)
		for part := range slices.Chunk(c.LittleEndian(), 1<<22) {
			if err := ctx.Err(); err != nil {
				return err
			}
			h.Write(part)
		}
	}
	return nil
}

// Noted are the options that decide the result, by name.
func (o *Options) Noted() map[string]any {
	m := map[string]any{
		"recipe": o.Recipe, "schedule": o.Schedule, "seed": o.Seed, "data": o.Data,
	}
	for name, v := range map[string]float64{"warm_up": o.WarmUp, "clip": o.Clip, "ema": o.EMA} {
		if v != 0 {
			m[name] = v
		}
	}
	if o.Teacher != nil {
		m["temperature"], m["teacher_weight"] = o.Temperature, o.TeacherWeight
	}
	if o.TeacherMode != engine.Float32 {
		m["teacher_mode"] = o.TeacherMode.String()
	}
	if o.Tables != nil {
		m["tables"] = o.Tables
	}
	if o.KeepBest {
		m["keep"] = "best"
	}
	if o.Baseline {
		m["keep"] = "best held-out loss"
	}
	if o.Codes != nil {
		m["codes"] = o.Codes
	}
	if o.Pieces > 0 {
		m["pieces"] = o.Pieces
	}
	if o.WordsOnly {
		m["trained"] = "codewords"
	}
	if o.MeanWords {
		m["gradient"] = "mean"
	}
	return m
}
