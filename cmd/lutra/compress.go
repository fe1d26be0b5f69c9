package main

import (
	"cmp"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
	"lutra/internal/compress"
	"lutra/internal/report"
	"lutra/internal/safe"
)

// compressFlags are the flags of compress besides those of data and threads.
type compressFlags struct {
	out, labels, checkpoint    string
	names                      []string // in the file labels, or those of the model
	calib                      []string
	blocks, metric, correction string
	first, ranges              string
	k, kLinear, iterations     int
	dense, rules               []string
	budget                     budgetFlags
	tune                       tuneFlags
	tuned                      bool
	page                       reportFlag
	codebook                   string
	dryRun, card, keepNames    bool
	anneal, permute, share     bool
	halfVectors, shrink        bool
	asJSON                     bool
}

func newCompress() *cobra.Command {
	var f runFlags
	var d dataFlags
	var c compressFlags
	cmd := &cobra.Command{
		Use:   "compress MODEL -o OUT.onnx --calib DATA",
		Short: "product-quantise the weights so that the outputs are preserved",
		Long: `Compress cuts the weights of every layer into blocks of d numbers and replaces
each block by one of K codewords, chosen so that the layer's outputs on the
calibration images change least (Stock et al., ICLR 2020). No labels are used.
The result is ONNX that any runtime opens.

Progress survives an interruption: started again with the same arguments, it
continues where it was and writes the same bytes. --dry-run prints the sizes
without any data.

--tune goes on with lutra tune on the same images: the result learns the scores
of MODEL. With --tune-after-each the codewords of every layer learn them first,
before the next layer is quantised.

--target-size, --target-ms and --max-drop choose the block sizes, and which layers
stay dense, by measuring what each layer suffers from them (see lutra sensitivity).`,
		Example: `  lutra compress resnet18.onnx -o small.onnx --calib images/ --preprocess imagenet
  lutra compress resnet18.onnx --dry-run --blocks large
  lutra compress resnet18.onnx -o small.onnx --calib images/ --target-size 1.5MiB
  lutra compress resnet18.onnx -o fast.onnx --calib images/ --target-ms 8 --mode int8 --threads 1
  lutra compress net.onnx -o out.onnx --calib images/ --preprocess unit \
      --dense head.weight --rule 'layer4.*=d:4,k:256'`,
		Args: exactArgs(1, "one model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.asJSON, c.budget.run.threads = f.asJSON, f.threads
			if !c.dryRun {
				if err := checkOutput(cmd, c.out, args[0]); err != nil {
					return err
				}
			}
			if err := c.page.check(cmd); err != nil {
				return err
			}
			if c.page.path != "" && c.dryRun {
				return usagef("compress: --report shows what was made, which --dry-run does not")
			}
			if c.ranges != noRanges {
				if err := checkMethod("--ranges", c.ranges); err != nil {
					return err
				}
			}
			if err := c.budget.parse(c.dryRun, len(c.calib) > 0, c.ranges); err != nil {
				return err
			}
			if err := c.checkTune(cmd); err != nil {
				return err
			}
			o, err := c.options(f.threads, d.seed)
			if err != nil {
				return err
			}
			m, err := f.open(args[0])
			if err != nil {
				return err
			}
			if c.dryRun {
				return c.printSizes(cmd, m, o)
			}
			return c.compress(cmd, m, &d, o)
		},
	}
	f.register(cmd)
	d.register(cmd)
	c.register(cmd)
	return cmd
}

func (c *compressFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&c.out, "output", "o", "", "file to write")
	fs.StringArrayVar(&c.calib, "calib", nil, "calibration images, unlabelled; may be repeated: --limit then holds for each")
	fs.StringVar(&c.labels, "labels", "", "file of class names to store in the model, one a line")
	fs.StringVar(&c.checkpoint, "checkpoint", "", "folder that keeps the progress until the file is written (default: OUT.onnx.progress)")
	fs.StringVar(&c.blocks, "blocks", "small", "block sizes of the paper: small (3x3: 9, others 4) or large (18, 1x1: 8)")
	fs.StringVar(&c.metric, "metric", "", "error that is made small: rows (whole rows of weights, the default), per-block, pooled (the paper's), none (weights only)")
	fs.StringVar(&c.correction, "correction", "", "statistics of layer outputs put right: mean, mean-std, none")
	fs.StringVar(&c.first, "first", "", "storage of the first convolution: float16, float32 or codebook")
	fs.StringVar(&c.ranges, "ranges", "mse", "ranges of activations to store for int8 execution, measured on the calibration images: "+strings.Join(lutra.CalibrationMethods(), ", ")+" or none")
	fs.IntVar(&c.k, "k", 0, "codewords per layer (0: 256)")
	fs.IntVar(&c.kLinear, "k-linear", 0, "codewords of fully connected layers (0: the preset's)")
	fs.IntVar(&c.iterations, "iterations", 0, "bound on k-means iterations (0: the preset's)")
	fs.StringSliceVar(&c.dense, "dense", nil, "patterns of weights to keep dense, as float16 (* and ? stand for any characters, /.../ is a regular expression)")
	fs.StringArrayVar(&c.rules, "rule", nil, "PATTERN=d:N,k:N,storage:S, what holds for the weights that the pattern matches; may be repeated")
	fs.BoolVar(&c.share, "share", false, "one codebook for all layers with blocks of one length, which makes small networks smaller")
	fs.BoolVar(&c.shrink, "shrink", false, "trust covariances of inputs as far as halves of the images agree: better where rows are long and images few")
	fs.BoolVar(&c.halfVectors, "half-vectors", false, "scales, shifts and biases of channels in half precision, normalisations as a scale and a shift")
	fs.BoolVar(&c.anneal, "anneal", false, "shake codewords while k-means begins (stochastic relaxation)")
	fs.BoolVar(&c.permute, "permute", false, "reorder channels, with all layers that read them, so that blocks of several channels are easier to represent")
	fs.StringVar(&c.codebook, "codebook", "", "codewords as "+strings.Join(compress.CodewordsNames(), ", ")+" (default int8: half the size of float16, no error of weights in --mode int8)")
	fs.BoolVar(&c.keepNames, "keep-names", false, "keep the names of nodes and inner values, and what the file notes about them")
	grouped(fs, "Block sizes by a budget", func() { c.budget.register(fs) })
	fs.BoolVar(&c.tuned, "tune", false, "then tune the result towards the scores of the model, on the images of --calib (see lutra tune)")
	grouped(fs, "Tuning, with --tune", func() {
		c.tune.register(fs, "tune-")
		fs.IntVar(&c.tune.afterEach, "tune-after-each", 0, "before that, steps for the codewords of every layer, before the next one is quantised (0: none)")
	})
	c.page.register(cmd)
	fs.BoolVar(&c.card, "card", true, "write a model card beside the file: OUT.onnx.md")
	fs.BoolVar(&c.dryRun, "dry-run", false, "print resulting sizes and stop")
}

// checkTune refuses flags of --tune before the work that comes before it.
func (c *compressFlags) checkTune(cmd *cobra.Command) (err error) {
	if c.tuned {
		if c.dryRun || len(c.calib) == 0 {
			return usagef("compress: --tune needs images (--calib DATA) and no --dry-run")
		}
		return c.tune.checkRecipe()
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, "tune-") {
			err = usagef("compress: --%s needs --tune", f.Name)
		}
	})
	return err
}

// options are the flags as compress.Options.
func (c *compressFlags) options(threads int, seed uint64) (lutra.CompressOptions, error) {
	o, err := lutra.CompressPreset(c.blocks)
	if err != nil {
		return o, usageError{err}
	}
	o.Threads, o.Seed = threads, seed
	for _, set := range []struct {
		flag string
		set  func() error
	}{
		{c.metric, func() (err error) { o.Metric, err = compress.ParseMetric(c.metric); return err }},
		{c.correction, func() (err error) { o.Correction, err = compress.ParseCorrection(c.correction); return err }},
		{c.first, func() (err error) { o.First, err = compress.ParseStorage(c.first); return err }},
		{c.codebook, func() (err error) { o.Codewords, err = compress.ParseCodewords(c.codebook); return err }},
	} {
		if set.flag == "" {
			continue
		}
		if err := set.set(); err != nil {
			return o, usageError{err}
		}
	}
	for kind := range o.Specs {
		if kind != int(compress.Linear) {
			o.Specs[kind].K = cmp.Or(c.k, o.Specs[kind].K)
		}
	}
	o.Specs[compress.Linear].K = cmp.Or(c.kLinear, o.Specs[compress.Linear].K)
	o.Iterations = cmp.Or(c.iterations, o.Iterations)
	o.Share, o.Anneal, o.Permute, o.KeepNames = c.share, c.anneal, c.permute, c.keepNames
	o.HalfVectors, o.Shrink = c.halfVectors, c.shrink
	for _, pattern := range c.dense {
		o.Rules = append(o.Rules, compress.Rule{Pattern: pattern, Storage: compress.Float16})
	}
	for _, text := range c.rules {
		r, err := parseRule(text)
		if err != nil {
			return o, err
		}
		o.Rules = append(o.Rules, r)
	}
	return o, nil
}

func (c *compressFlags) printSizes(cmd *cobra.Command, m *lutra.Model, o lutra.CompressOptions) error {
	start := time.Now()
	r, err := m.CompressSizes(o)
	if err != nil {
		return err
	}
	return c.print(cmd, m, r, nil, m.FileBytes()-int64(r.InBytes)+int64(r.OutBytes), time.Since(start))
}

func (c *compressFlags) compress(cmd *cobra.Command, m *lutra.Model, d *dataFlags, o lutra.CompressOptions) error {
	start := time.Now()
	var set *lutra.DataSet
	var p lutra.Preprocess
	needsData := o.Metric != compress.MetricNone || o.Correction != compress.CorrectNone
	if len(c.calib) == 0 && c.labels != "" {
		return usagef("compress: --labels needs --calib: class names are stored along with the preprocessing")
	}
	if len(c.calib) == 0 && needsData {
		return usagef("compress: expected calibration images (--calib DATA), or --metric none --correction none")
	}
	var err error
	if c.names, err = readClasses(m, c.labels); err != nil {
		return err
	}
	if len(c.calib) > 0 {
		if set, err = d.sets(c.calib); err != nil {
			return err
		}
		if p, err = d.preprocess(m); err != nil {
			return err
		}
	}
	var held *lutra.DataSet
	if c.tuned {
		if set, held, err = c.tune.divide(set, d.seed); err != nil {
			return err
		}
	}
	o.Checkpoint = cmp.Or(c.checkpoint, c.out+".progress")
	n := &network{m, set, p}
	if c.tuned {
		if err := c.tune.each(cmd, n, held, &o); err != nil {
			return err
		}
	}
	made, err := c.budgeted(cmd, n, o)
	if err != nil {
		return explainProgress(err, o.Checkpoint)
	}
	if c.tuned {
		if made.model, err = c.tune.after(cmd, made.model, n, held, c.out, d.seed); err != nil {
			return err
		}
	}
	if err := c.save(made.model); err != nil {
		return err
	}
	for _, folder := range made.checkpoints {
		if err := compress.RemoveCheckpoint(folder); err != nil {
			return err
		}
	}
	if c.tuned && c.tune.trains() {
		if err := safe.Remove(c.tune.checkpoint); err != nil {
			return err
		}
	}
	size, err := fileBytes(c.out)
	if err != nil {
		return err
	}
	if err := c.page.write(cmd, func() (*report.Page, error) { return c.compressPage(cmd, n, made, size) }); err != nil {
		return err
	}
	took := time.Since(start)
	timing, err := c.time(cmd, made)
	if err != nil {
		return err
	}
	return c.print(cmd, m, made.report, timing, size, took)
}

// save writes the model, then its card.
func (c *compressFlags) save(m *lutra.Model) error {
	if err := m.Save(c.out); err != nil || !c.card {
		return err
	}
	saved, err := lutra.Open(c.out, lutra.Options{}) // the card tells what is in the file
	if err != nil {
		return err
	}
	return safe.WriteFile(c.out+".md", func(w io.Writer) error { return saved.Card(w, c.out) })
}

// network is what is compressed, and the calibration images with their
// preprocessing; no images (nil) if none are needed.
type network struct {
	model *lutra.Model
	set   *lutra.DataSet
	p     lutra.Preprocess
}

// compressed is a finished model.
type compressed struct {
	model       *lutra.Model
	report      *lutra.CompressReport
	checkpoints []string     // folders to remove when the model is saved
	timed       *lutra.Model // in the mode of --target-ms; nil without it
	bytes       int64        // of the file, where there is a budget
}

// make compresses n and stores all that belongs into the file.
func (c *compressFlags) make(cmd *cobra.Command, n *network, o lutra.CompressOptions) (*compressed, error) {
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	o.Progress = func(p lutra.CompressProgress) { showCompress(line, p) }
	small, report, err := n.model.Compress(cmd.Context(), n.set, n.p, o)
	if err != nil {
		return nil, err
	}
	line.clear()
	if err := c.describe(small, n.set, n.p); err != nil {
		return nil, err
	}
	if n.set != nil && c.ranges != noRanges {
		if _, err := calibrateModel(cmd, small, n.set.Subset(rangeImages, o.Seed), n.p, c.ranges); err != nil {
			return nil, err
		}
	}
	return &compressed{model: small, report: report, checkpoints: []string{o.Checkpoint}}, nil
}

// noRanges is the value of --ranges that stores none.
const noRanges = "none"

// rangeImages bounds the calibration images that ranges are measured on.
const rangeImages = 128

// describe stores preprocessing and labels in the model.
func (c *compressFlags) describe(m *lutra.Model, set *lutra.DataSet, p lutra.Preprocess) error {
	if set == nil {
		return nil
	}
	return m.Describe(p, c.names)
}
