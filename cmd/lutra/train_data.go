package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
	"lutra/internal/engine"
	"lutra/internal/fit"
	networks "lutra/internal/network"
	"lutra/internal/report"
	"lutra/internal/safe"
)

// registerSteps adds how it is trained.
func (t *trainFlags) registerSteps(fs *pflag.FlagSet) {
	fs.IntVar(&t.recipe.Epochs, "epochs", 0, "times through the data (default: the network's)")
	fs.IntVar(&t.recipe.Batch, "batch", 0, "images of a step (default: the network's)")
	fs.Float64Var(&t.recipe.LearningRate, "lr", 0, "highest learning rate (default: the network's)")
	fs.StringVar(&t.recipe.Optimiser, "optimizer", "", strings.Join(fit.Optimisers(), ", ")+" (sgd has Nesterov momentum 0.9; default: the network's)")
	fs.StringVar(&t.schedule, "schedule", "cosine", "of the learning rate: "+strings.Join(fit.Schedules(), ", "))
	fs.Float64Var(&t.warmUp, "warm-up", 0, "epochs in which the learning rate rises")
	fs.Float64Var(&t.recipe.WeightDecay, "weight-decay", 0, "weight decay")
	fs.Float64Var(&t.recipe.LabelSmoothing, "label-smoothing", 0, "share of the target that all classes have in common")
	fs.StringVar(&t.recipe.Augment, "augment", "", "random changes: none, or a list of crop:P, flip, resized:A, patch, brightness:F, contrast:F, shift:P, cutout:N, noise:S, stretch:F:G")
	fs.Float64Var(&t.clip, "clip", 0, "largest norm of the gradient (0: any)")
	fs.Float64Var(&t.ema, "ema", 0, "factor a step of averaged weights, as 0.999 (0: none)")
	fs.StringVar(&t.teacher, "teacher", "", "model whose scores are learned, with the labels or without any")
	fs.StringVar(&t.teacherMode, "teacher-mode", engine.Float32.String(), "of its arithmetic, "+strings.Join(engine.Modes(), ", ")+": the others are faster, and make what is learned depend on the processor")
	fs.Float64Var(&t.temperature, "temperature", 4, "of the scores that are learned from a teacher")
	fs.Float64Var(&t.teacherWeight, "teacher-weight", 0.9, "share of the teacher where there are labels")
}

// sets opens the training and the test set. Of several data sets only the parts
// for training are taken.
func (t *trainFlags) sets(d *dataFlags) (training, test *lutra.DataSet, err error) {
	if d.limit < 0 {
		return nil, nil, usagef("--limit: expected 0 or more, found %d", d.limit)
	}
	speaker := ""
	if _, err := t.share(); err != nil {
		speaker = ":" + t.holdOut
	}
	var all []*lutra.DataSet
	for _, path := range t.data {
		s, err := lutra.OpenData(path, "train"+speaker, d.classes)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, s)
	}
	training = lutra.JoinData(all...)
	switch {
	case t.test != "":
		test, err = lutra.OpenData(t.test, "test", d.classes)
	case training.Divided():
		test, err = lutra.OpenData(t.data[0], "test"+speaker, d.classes)
	default:
		var share float64
		if share, err = t.share(); err == nil {
			training, test, err = training.Divide(share, d.seed)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return training.Subset(d.limit, d.seed), test, nil
}

// networkTitle is the name of one of our networks and what follows it. Others
// have names that the program gave them that wrote the file, as torch_jit.
func networkTitle(name, then string) string {
	if _, err := networks.Lookup(name); err != nil {
		return ""
	}
	return name + then
}

// fewer bounds the images of a step by those that there are, unless the flag
// of that name asks for so many.
func (t *trainFlags) fewer(cmd *cobra.Command, flag string, set *lutra.DataSet) {
	if !cmd.Flags().Changed(flag) {
		t.recipe.Batch = min(t.recipe.Batch, set.Len())
	}
}

// share is --hold-out as a number.
func (t *trainFlags) share() (float64, error) {
	v, err := strconv.ParseFloat(t.holdOut, 64)
	if err != nil || !(v > 0 && v < 1) {
		return 0, usagef("--hold-out: expected a share between 0 and 1, found %q", t.holdOut)
	}
	return v, nil
}

// show makes training report to stderr and write its files, and returns the status line.
func (t *trainFlags) show(cmd *cobra.Command, o *lutra.TrainOptions, title string) *status {
	s := newStatus(cmd.ErrOrStderr())
	o.Loading = func(done, total int) { s.show("reading images", float64(done), float64(total)) }
	begun := false
	o.Progress = func(p lutra.TrainProgress) {
		if !begun { // what a resumed run finds done says nothing of its rate
			begun = true
			s.restart(float64(p.Step - 1))
		}
		if p.Piece > 0 {
			s.show(fmt.Sprintf("piece %d of %d, error %.4g", p.Piece, p.Pieces, p.Loss), float64(p.Step), float64(p.Steps))
			begun = p.Step < p.Steps
			return
		}
		s.show(fmt.Sprintf("epoch %d of %d, loss %.4g", p.Epoch, p.Epochs, p.Loss), float64(p.Step), float64(p.Steps))
	}
	o.Record = func(h *lutra.TrainHistory) error {
		s.clear()
		fmt.Fprintln(cmd.ErrOrStderr(), epochText(h))
		return t.record(h, title)
	}
	return s
}

// epochText is the last epoch as a line.
func epochText(h *lutra.TrainHistory) string {
	if len(h.Epochs) == 0 {
		return startText(h)
	}
	e := h.Epochs[len(h.Epochs)-1]
	text := fmt.Sprintf("epoch %d: loss %.4g", e.Epoch, e.Loss)
	if e.TestTop1 != nil {
		text += fmt.Sprintf(", top-1 %.2f %%; test loss %.4g, top-1 %.2f %%", 100*e.Top1, *e.TestLoss, 100**e.TestTop1)
	} else if e.TestLoss != nil {
		text += fmt.Sprintf("; test loss %.4g", *e.TestLoss)
	}
	if e.Codes > 0 {
		text += fmt.Sprintf("; %d codes changed", e.Codes)
	}
	return text + fmt.Sprintf("; %.1f s", e.Seconds)
}

// goingOn is the flag that makes the command go on from its checkpoint, or "".
func (t *trainFlags) goingOn() string {
	if t.goesOn {
		return ""
	}
	return " with --resume"
}

// explain says which flag helps.
func (t *trainFlags) explain(err error) error {
	if _, none := os.Stat(t.checkpoint); none == nil && errors.Is(err, context.Canceled) {
		return interruption{err, t.checkpoint + " keeps the progress: the same command" + t.goingOn() + " goes on"}
	}
	if errors.Is(err, fit.ErrExists) {
		return fmt.Errorf("%s %w: add --resume to go on, or delete it", t.checkpoint, fit.ErrExists)
	}
	if errors.Is(err, fit.ErrNone) {
		return fmt.Errorf("%s: %w: a run writes it at its start and deletes it when the model is saved; leave out --resume to begin one", t.checkpoint, fit.ErrNone)
	}
	return err
}

// finish writes the model, deletes the checkpoint and prints the report.
func (t *trainFlags) finish(cmd *cobra.Command, m *lutra.Model, r *lutra.TrainReport, asJSON bool) error {
	if err := m.Save(t.out); err != nil {
		return err
	}
	if err := safe.Remove(t.checkpoint); err != nil {
		return err
	}
	if r.Skipped > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d unreadable images left out\n", r.Skipped)
	}
	if err := t.page.write(cmd, func() (*report.Page, error) { return trainPage(m, t.out, r) }); err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	text := fmt.Sprintf("%s: %s%d parameters, epoch %d of %d samples in %.1f s", t.out, networkTitle(r.Network, ", "), r.Parameters, r.Epoch, r.Samples, r.Seconds)
	switch {
	case r.TestTop1 != nil:
		text += fmt.Sprintf("; test top-1 %.2f %% of %d", 100**r.TestTop1, r.Tested)
		if r.BestEpoch != r.Epoch {
			text += fmt.Sprintf(" (best: %.2f %% in epoch %d)", 100**r.BestTop1, r.BestEpoch)
		}
	case r.TestLoss != nil:
		text += fmt.Sprintf("; test loss %.4g of %d", *r.TestLoss, r.Tested)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}
