package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
	"lutra/internal/data"
	"lutra/internal/fit"
)

// tuneFlags are the flags of tune besides those of data and threads. Those of
// how to train are shared with compress --tune.
type tuneFlags struct {
	trainFlags
	sources []string
	prefix  string // of the flags
	heldOut float64

	codes int     // steps between re-assignments; 0: never
	drift float64 // rate
	most  float64
	mean  bool
	only  bool // codewords

	pieces    int
	afterEach int // steps; of compress only
}

func newTune() *cobra.Command {
	var f runFlags
	var d dataFlags
	var t tuneFlags
	cmd := &cobra.Command{
		Use:   "tune MODEL.onnx --teacher FLOAT.onnx --data DIR -o OUT.onnx",
		Short: "tune a compressed model towards the scores of the float one",
		Long: `Tune trains what a compressed model holds towards the scores of the model that it
was made from: codewords, scales, biases, dense layers and, with --codes, codes. It
needs images without labels. Some of them are held out; the state with the least loss on
those is written, which may be the one that it began with. The file keeps its
codebooks' sizes.

Interrupted, it leaves a checkpoint from which --resume goes on and ends with the
same bytes, for any number of threads.`,
		Example: `  lutra tune small.onnx --teacher net.onnx --data images/ -o tuned.onnx
  lutra tune small.onnx --teacher net.onnx --data a/ --data b.tar.gz -o tuned.onnx \
      --augment crop:4,flip --epochs 20 --batch 64
  lutra tune small.onnx --teacher net.onnx --data labelled/ --teacher-weight 0.7 -o tuned.onnx`,
		Args: exactArgs(1, "one compressed model file"),
		RunE: func(cmd *cobra.Command, args []string) error { return t.tune(cmd, args[0], &f, &d) },
	}
	f.register(cmd)
	t.page.register(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&t.out, "output", "o", "", "file to write")
	fs.StringVar(&t.teacher, "teacher", "", "the model that this one was compressed from")
	fs.StringArrayVar(&t.sources, "data", nil, "images, with labels or without; may be repeated")
	fs.StringVar(&d.classes, "classes", "", "file with one class name, or \"wnid name\", a line")
	fs.IntVar(&d.limit, "limit", 0, "use this many images, drawn by --seed (0: all)")
	fs.Uint64Var(&d.seed, "seed", 1, "seed of every random choice")
	d.registerPreprocess(cmd)
	t.register(fs, "")
	return cmd
}

// register adds the flags of how to tune, their names behind prefix.
func (t *tuneFlags) register(fs *pflag.FlagSet, prefix string) {
	t.keep, t.prefix = "last", prefix
	o := lutra.Tuning()
	fs.IntVar(&t.recipe.Epochs, prefix+"epochs", o.Epochs, "times through the data")
	fs.IntVar(&t.pieces, prefix+"pieces", 0, "before that, times through the data for every residual block and layer, one after the other, to put out what the teacher's does")
	fs.IntVar(&t.recipe.Batch, prefix+"batch", o.Batch, "images of a step")
	fs.Float64Var(&t.recipe.LearningRate, prefix+"lr", o.LearningRate, "highest learning rate, relative to the size of what is trained")
	fs.StringVar(&t.recipe.Optimiser, prefix+"optimizer", o.Optimiser, strings.Join(fit.Optimisers(), ", "))
	fs.StringVar(&t.schedule, prefix+"schedule", "cosine", "of the learning rate: "+strings.Join(fit.Schedules(), ", "))
	fs.StringVar(&t.recipe.Augment, prefix+"augment", o.Augment, "random changes: none, or a list as train --augment takes")
	fs.Float64Var(&t.temperature, prefix+"temperature", o.Temperature, "of the scores that are learned")
	fs.Float64Var(&t.teacherWeight, prefix+"teacher-weight", o.TeacherWeight, "share of the teacher where there are labels")
	fs.Float64Var(&t.heldOut, prefix+"hold-out", 0.1, "share of the images that decide which state is kept")
	fs.IntVar(&t.codes, prefix+"codes", 0, "steps between re-assignments of codes, as 20 (0: codes stay)")
	fs.Float64Var(&t.drift, prefix+"drift", 10, "learning rate of the drift towards other codes, relative to that of codewords")
	fs.Float64Var(&t.most, prefix+"codes-share", 0.002, "largest share of a codebook's codes that one re-assignment changes")
	fs.BoolVar(&t.only, prefix+"codewords-only", false, "train nothing but codewords, as the paper does")
	fs.BoolVar(&t.mean, prefix+"mean-gradient", false, "the gradient of a codeword is the mean over its blocks, as in the paper, instead of the sum")
	fs.StringVar(&t.checkpoint, prefix+"checkpoint", "", "file that keeps the progress until the model is written (default: OUT.onnx.checkpoint)")
	fs.DurationVar(&t.every, prefix+"every", 5*time.Minute, "time between checkpoints within an epoch")
	if prefix == "" { // compress goes on without being told
		fs.BoolVar(&t.resume, "resume", false, "go on from the checkpoint")
	}
	fs.BoolVar(&t.skipBad, prefix+"skip-bad", false, "leave out images that cannot be read")
	fs.StringVar(&t.log, prefix+"log", "", "file for metrics, one JSON object a line")
	fs.StringVar(&t.curves, prefix+"curves", "", "file for learning curves, .svg")
}

// tune runs the command.
func (t *tuneFlags) tune(cmd *cobra.Command, arg string, f *runFlags, d *dataFlags) error {
	switch {
	case t.teacher == "":
		return usagef("tune: expected the model that this one was compressed from (--teacher FLOAT.onnx)")
	case len(t.sources) == 0:
		return usagef("tune: expected images (--data DIR)")
	case d.limit < 0:
		return usagef("--limit: expected 0 or more, found %d", d.limit)
	}
	if err := cmp.Or(t.check(cmd, f, arg), t.checkRecipe()); err != nil {
		return err
	}
	m, err := f.open(arg)
	if err != nil {
		return err
	}
	teacher, err := f.open(t.teacher)
	if err != nil {
		return err
	}
	p, err := d.preprocess(m)
	if err != nil {
		return err
	}
	var sets []*lutra.DataSet
	for _, path := range t.sources {
		s, err := lutra.OpenData(path, "train", d.classes)
		if err != nil {
			return err
		}
		sets = append(sets, s)
	}
	training, held, err := t.divide(lutra.JoinData(sets...).Subset(d.limit, d.seed), d.seed)
	if err != nil {
		return err
	}
	tuned, report, err := t.run(cmd, m, teacher, training, held, p, d.seed)
	if err != nil {
		return err
	}
	return t.finish(cmd, tuned, report, f.asJSON)
}

// checkRecipe refuses what needs no model to be refused.
func (t *tuneFlags) checkRecipe() error {
	switch r := &t.recipe; {
	case !(t.heldOut > 0 && t.heldOut < 1):
		return usagef("--%shold-out: expected a share between 0 and 1, found %g", t.prefix, t.heldOut)
	case r.Epochs < 0:
		return usagef("--%sepochs: expected 0 or more, found %d", t.prefix, r.Epochs)
	case r.Batch < 1:
		return usagef("--%sbatch: expected 1 or more, found %d", t.prefix, r.Batch)
	case !(r.LearningRate >= 0):
		return usagef("--%slr: expected 0 or more, found %g", t.prefix, r.LearningRate)
	case t.codes < 0:
		return usagef("--%scodes: expected 0 or more steps, found %d", t.prefix, t.codes)
	case t.afterEach < 0:
		return usagef("--%safter-each: expected 0 or more steps, found %d", t.prefix, t.afterEach)
	}
	if _, err := data.ParseAugment(t.recipe.Augment); err != nil {
		return usageError{err}
	}
	return nil
}

// divide holds images of set out.
func (t *tuneFlags) divide(set *lutra.DataSet, seed uint64) (training, held *lutra.DataSet, err error) {
	return set.HoldOut(t.heldOut, seed)
}

// run tunes m on training images, and keeps what is best on held.
func (t *tuneFlags) run(cmd *cobra.Command, m, teacher *lutra.Model, training, held *lutra.DataSet, p lutra.Preprocess, seed uint64) (*lutra.Model, *lutra.TrainReport, error) {
	t.fewer(cmd, t.prefix+"batch", training)
	o, err := t.tuning(seed)
	if err != nil {
		return nil, nil, err
	}
	shown := t.show(cmd, &o, filepath.Base(m.Path()))
	tuned, report, err := m.Tune(cmd.Context(), teacher, training, held, p, o)
	shown.clear()
	if err != nil {
		return nil, nil, t.explain(err)
	}
	if m.HasRanges() {
		if _, err := calibrateModel(cmd, tuned, training.Subset(rangeImages, seed), p, "mse"); err != nil {
			return nil, nil, err
		}
	}
	return tuned, report, nil
}

// tuning is how the flags say that is tuned.
func (t *tuneFlags) tuning(seed uint64) (lutra.TrainOptions, error) {
	o, err := t.options(seed)
	o.Baseline, o.WordsOnly, o.MeanWords, o.Pieces = true, t.only, t.mean, t.pieces
	if t.codes > 0 {
		o.Codes = &lutra.TrainCodes{Every: t.codes, Rate: t.drift, Most: t.most}
	}
	return o, err
}

// each makes o distil every layer before it goes on, if the flags say so.
func (t *tuneFlags) each(cmd *cobra.Command, n *network, held *lutra.DataSet, o *lutra.CompressOptions) error {
	if t.afterEach == 0 {
		return nil
	}
	how, err := t.tuning(o.Seed)
	if err != nil {
		return err
	}
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	how.Loading = func(done, total int) { line.show("reading images", float64(done), float64(total)) }
	o.AfterEach, err = n.model.AfterEach(cmd.Context(), n.set, held, n.p, how, t.afterEach, func(weight string, before, after float64) {
		line.clear()
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: held-out loss %.4g -> %.4g\n", weight, before, after)
	})
	return err
}

// trains says whether a network is tuned as a whole or by pieces: compress
// --tune need not, where layers have learned one after the other.
func (t *tuneFlags) trains() bool { return t.recipe.Epochs != 0 || t.pieces != 0 }

// after tunes small, which was made of n, for compress --tune. It goes on from
// its checkpoint where there is one, as compress does.
func (t *tuneFlags) after(cmd *cobra.Command, small *lutra.Model, n *network, held *lutra.DataSet, out string, seed uint64) (*lutra.Model, error) {
	if !t.trains() {
		return small, nil
	}
	t.out, t.goesOn = out, true
	if t.checkpoint == "" {
		t.checkpoint = out + ".checkpoint"
	}
	_, err := os.Stat(t.checkpoint)
	t.resume = err == nil
	tuned, _, err := t.run(cmd, small, n.model, n.set, held, n.p, seed)
	return tuned, err
}

// startText is the test of a model before it is tuned.
func startText(h *lutra.TrainHistory) string {
	if h.Pieces != nil {
		return fmt.Sprintf("pieces: held-out loss %.4g, top-1 %.2f %%", *h.Pieces.TestLoss, 100**h.Pieces.TestTop1)
	}
	return fmt.Sprintf("before: held-out loss %.4g, top-1 %.2f %%", *h.Start.TestLoss, 100**h.Start.TestTop1)
}
