package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/report"
	"lutra/internal/safe"
)

// sweepFlags are the flags of sweep: those of train, and the cells.
type sweepFlags struct {
	trainFlags
	levels, weights []int
	pairs           bool
	picture         string
}

func newSweep() *cobra.Command {
	var f runFlags
	var d dataFlags
	s := sweepFlags{trainFlags: trainFlags{keep: "last"}}
	cmd := &cobra.Command{
		Use:   "sweep NETWORK|MODEL --data DATA -o OUT.json",
		Short: "train networks of lookup tables over levels and weights",
		Long: `Sweep trains a network once with floating-point numbers, and as a network of lookup
tables with every number of activation levels (--levels) and of different weights
(--weights), all from the same start and with the same seed. It prints the test
accuracy (or loss) of every cell as a table, keeps them in a JSON file after every
cell, and draws them as a heat map. --resume keeps the cells that the file has:
an interrupted sweep goes on, and a finished one takes more levels or weights.
All other flags are those of train.`,
		Example: `  lutra sweep mlp --data mnist/ --limit 10000 --epochs 5 -o sweep.json --heat sweep.svg
  lutra sweep parabola -o parabola.json --levels 4,16,64 --weights 10,100
  lutra sweep mlp --data mnist/ -o pairs.json --pairs --weights 16,64,256 --resume`,
		Args: exactArgs(1, "one network or model file"),
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, args[0], &f, &d) },
	}
	f.register(cmd)
	s.page.register(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&s.out, "output", "o", "", "JSON file to write, after every cell")
	s.registerRecipe(fs)
	grouped(fs, "Networks of lookup tables", func() {
		s.registerClustering(fs)
		s.registerConversion(fs)
	})
	fs.IntSliceVar(&s.levels, "levels", []int{2, 4, 8, 16, 32, 64, 256}, "levels of the input and of every activation, 2 to 256")
	fs.IntSliceVar(&s.weights, "weights", []int{2, 3, 10, 32, 100, 316, 1000}, "values that weights may have, 2 to 65536")
	fs.BoolVar(&s.pairs, "pairs", false, "--weights counts pairs of weights of adjacent outputs, up to 4096")
	fs.StringVar(&s.picture, "heat", "", "heat map to write, .svg")
	fs.BoolVar(&s.resume, "resume", false, "keep the cells that the JSON file has")
	d.registerTraining(cmd)
	return cmd
}

// run runs the command.
func (s *sweepFlags) run(cmd *cobra.Command, arg string, f *runFlags, d *dataFlags) error {
	if err := s.checkSweep(cmd, f); err != nil {
		return err
	}
	learn, err := s.prepare(cmd, arg, f, d)
	if err != nil {
		return err
	}
	o, err := s.options(d.seed)
	if err != nil {
		return err
	}
	o.Checkpoint = "" // a cell is short
	if o.Teacher, err = s.openTeacher(f); err != nil {
		return err
	}
	w := &sweep{Network: arg, Settings: s.settings(d), Levels: s.levels, Weights: s.weights, Pairs: s.pairs}
	if err := s.kept(w); err != nil {
		return err
	}
	if err := s.cells(cmd, w, learn, o); err != nil {
		return err
	}
	if err := s.page.write(cmd, func() (*report.Page, error) { return sweepPage(w), nil }); err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), w)
	}
	return printTable(cmd.OutOrStdout(), w.table())
}

func (s *sweepFlags) checkSweep(cmd *cobra.Command, f *runFlags) error {
	if !strings.EqualFold(filepath.Ext(s.out), ".json") {
		return usagef("sweep: expected an output file that ends in .json (-o OUT.json), found %q", s.out)
	}
	if s.picture != "" && !strings.EqualFold(filepath.Ext(s.picture), ".svg") {
		return usagef("--heat: expected a file that ends in .svg, found %q", s.picture)
	}
	if err := s.page.check(cmd); err != nil {
		return err
	}
	most := 1 << 16
	if s.pairs {
		most = 4096
	}
	for _, c := range []struct {
		name   string
		values *[]int
		most   int
	}{{"levels", &s.levels, 256}, {"weights", &s.weights, most}} {
		slices.Sort(*c.values)
		*c.values = slices.Compact(*c.values)
		if v := *c.values; len(v) == 0 || v[0] < 2 || v[len(v)-1] > c.most {
			return usagef("--%s: expected numbers from 2 to %d, found %v", c.name, c.most, v)
		}
	}
	if err := cmp.Or(s.checkTeacher(), s.checkClustering(s.pairs)); err != nil {
		return err
	}
	return f.check()
}

// settings are the flags that decide the cells; those of another sweep do not fit.
func (s *sweepFlags) settings(d *dataFlags) map[string]any {
	t := s.tables
	return map[string]any{
		"data": strings.Join(s.data, "+"), "test": s.test, "hold_out": s.holdOut, "limit": d.limit, "seed": d.seed,
		"activation": s.activation, "input": s.input, "width": s.width, "recipe": s.recipe,
		"schedule": s.schedule, "warm_up": s.warmUp, "clip": s.clip, "ema": s.ema,
		"teacher": s.teacher, "teacher_mode": s.teacherMode, "temperature": s.temperature, "teacher_weight": s.teacherWeight,
		"cluster": t.Method, "cluster_every": t.Every, "cluster_from": t.From, "cluster_anneal": t.Anneal,
		"per_layer": t.PerLayer, "cluster_biases": t.Biases, "bound": t.Bound, "learn_bounds": t.Learn,
		"first_weights": t.First, "input_levels": t.InputLevels, "input_share": t.InputShare, "output_levels": t.OutputLevels, "equalise": t.Equalise,
	}
}

// maxSweepBytes bounds files of sweeps, of some hundred bytes a cell.
const maxSweepBytes = 64 << 20

// kept takes over the cells of the file, if there is one.
func (s *sweepFlags) kept(w *sweep) error {
	b, err := safe.ReadFile(s.out, maxSweepBytes)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return err
	case !s.resume:
		return fmt.Errorf("%s holds a sweep: add --resume to keep its cells, or delete it", s.out)
	}
	return w.resume(s.out, b)
}

// cells trains what w lacks, and writes w after each.
func (s *sweepFlags) cells(cmd *cobra.Command, w *sweep, learn learner, o lutra.TrainOptions) error {
	todo := w.missing()
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	o.Loading = func(done, total int) { line.show("reading images", float64(done), float64(total)) }
	line.restart(0)
	for i, c := range todo {
		cell := o
		if c.Levels > 0 {
			t := s.tables
			t.Levels, t.Weights = c.Levels, c.Weights
			if s.pairs {
				t.Pairs = c.Weights
			}
			cell.Tables = &t
		}
		cell.Progress = func(p lutra.TrainProgress) {
			line.show(fmt.Sprintf("cell %d of %d: %s, epoch %d of %d", i+1, len(todo), c.name(s.pairs), p.Epoch, p.Epochs),
				float64(i)+float64(p.Step)/float64(p.Steps), float64(len(todo)))
		}
		_, report, err := learn(cmd.Context(), cell)
		if err != nil {
			line.clear()
			if errors.Is(err, context.Canceled) && len(w.Cells) > 0 {
				return interruption{err, fmt.Sprintf("%s keeps what is trained, %d of %d: the same command with --resume goes on", s.out, len(w.Cells), len(w.Cells)+len(w.missing()))}
			}
			return fmt.Errorf("%s: %w", c.name(s.pairs), err)
		}
		if err := w.add(c, report); err != nil {
			return err
		}
		line.clear()
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s; %.1f s\n", c.name(s.pairs), w.format(w.find(c.Levels, c.Weights)), report.Seconds)
		if err := s.write(w); err != nil {
			return err
		}
	}
	return s.write(w)
}
