package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
)

// budgetFlags bound the result of compress.
type budgetFlags struct {
	sizeText, dropText string
	size               int64   // bytes; 0: no bound
	drop               float64 // share of the calibration images; negative: no bound
	ms                 float64 // predicted time of an inference; 0: no bound
	run                runFlags
	options            lutra.Options // of the inference that ms bounds
	used               []string      // folders of checkpoints

	// What was measured on the way, for the report.
	layers []lutra.Sensitivity
	tried  []tried
	rivals []rival
}

func (b *budgetFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&b.sizeText, "target-size", "", "most bytes of the file, as 1.5MiB, 800KB or 123456: block sizes are chosen to fit")
	fs.StringVar(&b.dropText, "max-drop", "", "most calibration images, as 1%, whose best class may change (of labelled images: that may be lost); the smallest such file is looked for")
	fs.Float64Var(&b.ms, "target-ms", 0, "longest predicted time of an inference of one image on this processor, with --threads, --mode and --costs, in milliseconds; the file takes no more bytes than --target-size or, without it, --blocks")
	fs.StringVar(&b.run.mode, "mode", "fp32", "with --target-ms: arithmetic of the inference: fp32, bf16, int8 or auto")
	fs.StringVar(&b.run.costs, "costs", "", "with --target-ms: file of lutra costs")
}

// tried is a file on the way to the smallest one.
type tried struct {
	bytes int64
	lost  float64 // share of the calibration images
}

func (b *budgetFlags) none() bool { return b.sizeText == "" && b.dropText == "" && b.ms == 0 }

// parse reads the flags.
func (b *budgetFlags) parse(dryRun, calib bool, ranges string) (err error) {
	b.drop = -1
	if b.ms == 0 && (b.run.mode != "fp32" || b.run.costs != "") {
		return usagef("compress: --mode and --costs are for --target-ms")
	}
	if b.none() {
		return nil
	}
	if b.dropText != "" && (b.sizeText != "" || b.ms != 0) {
		return usagef("compress: expected --max-drop, or --target-size and --target-ms, found both")
	}
	if dryRun || !calib {
		return usagef("compress: --target-size, --target-ms and --max-drop need calibration images (--calib DATA) and no --dry-run")
	}
	if b.ms < 0 || b.ms != b.ms || b.ms > 1e9 {
		return usagef("--target-ms: expected milliseconds above 0, found %g", b.ms)
	}
	if err := b.parseMode(ranges); err != nil {
		return err
	}
	if b.sizeText != "" {
		b.size, err = parseBytes(b.sizeText)
	}
	if b.dropText == "" {
		return err
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(b.dropText, "%"), 64)
	if err != nil || !strings.HasSuffix(b.dropText, "%") || v < 0 || v > 100 {
		return usagef("--max-drop: expected a percentage from 0%% to 100%%, found %q", b.dropText)
	}
	b.drop = v / 100
	return nil
}

func (b *budgetFlags) parseMode(ranges string) error {
	switch b.run.mode {
	case "fp32", "bf16":
	case "int8", "auto":
		if ranges == noRanges {
			return usagef("compress: --mode %s needs ranges of activations, found --ranges none", b.run.mode)
		}
	default:
		return usagef("--mode: expected fp32, bf16, int8 or auto, found %q", b.run.mode)
	}
	return nil
}

// parseBytes reads a number of bytes with an optional unit.
func parseBytes(text string) (int64, error) {
	units := []struct {
		name  string
		bytes float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || v <= 0 || v*u.bytes > 1<<40 {
			break
		}
		return int64(v * u.bytes), nil
	}
	return 0, usagef("--target-size: expected a size as 1.5MiB, 800KB or 123456, found %q", text)
}

// budgeted compresses n within the budget.
func (c *compressFlags) budgeted(cmd *cobra.Command, n *network, o lutra.CompressOptions) (*compressed, error) {
	if c.budget.none() {
		return c.make(cmd, n, o)
	}
	if c.budget.size > 0 { // what cannot be is refused before minutes of measuring
		if _, err := n.model.CompressWithin(nil, o, lutra.CompressBudget{Size: c.budget.size}); err != nil {
			return nil, err
		}
	}
	layers, err := sensitivities(cmd, n, o)
	if err != nil {
		return nil, err
	}
	c.budget.layers = layers
	if c.budget.drop >= 0 {
		return c.smallest(cmd, n, layers, o)
	}
	return c.chosen(cmd, n, layers, o)
}

// sensitivityImages bounds the images on which candidates are compared.
const sensitivityImages = 32

func sensitivities(cmd *cobra.Command, n *network, o lutra.CompressOptions) ([]lutra.Sensitivity, error) {
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	o.Progress = func(p lutra.CompressProgress) { showCompress(line, p) }
	return n.model.Sensitivities(cmd.Context(), n.set.Subset(sensitivityImages, o.Seed), n.p, o)
}

// metadataBytes is the usual room for what a file notes about a layer: rule,
// errors and range.
const metadataBytes = 200

// metadataOf is the usual room for what a file notes about its layers and itself.
func metadataOf(layers []lutra.Sensitivity) int64 { return int64(1024 + metadataBytes*len(layers)) }

// within compresses n to the budget. What the file's metadata takes is known
// afterwards only: if that was underestimated, it starts again.
func (c *compressFlags) within(cmd *cobra.Command, n *network, layers []lutra.Sensitivity, o lutra.CompressOptions, b lutra.CompressBudget) (*compressed, error) {
	if b.Reserve == 0 {
		b.Reserve = metadataOf(layers)
	}
	target, base := b.US, o.Checkpoint
	for {
		rules, err := n.model.CompressWithin(layers, o, b)
		if err != nil {
			return nil, err
		}
		rules.Checkpoint = fmt.Sprintf("%s.%d.%d.%.0f", base, b.Size, b.Reserve, b.US)
		c.budget.used = append(c.budget.used, rules.Checkpoint)
		made, err := c.make(cmd, n, rules)
		if err != nil {
			return nil, err
		}
		made.checkpoints = c.budget.used
		bytes, err := made.model.Encode()
		if err != nil {
			return nil, err
		}
		made.bytes = int64(len(bytes))
		over := made.bytes - b.Size
		slow := 0.0
		if target > 0 {
			if slow, err = c.predict(made, bytes); err != nil {
				return nil, err
			}
		}
		if over <= 0 && slow <= target {
			return made, nil
		}
		if over > 0 {
			b.Reserve += over + metadataBytes
		}
		if slow > target { // real codes are not those that times were predicted of
			b.US -= 1.1 * (slow - target)
		}
	}
}

// smallest looks for the smallest file that keeps to the bound on lost images,
// by bisection over sizes to 5 %.
func (c *compressFlags) smallest(cmd *cobra.Command, n *network, layers []lutra.Sensitivity, o lutra.CompressOptions) (*compressed, error) {
	low, high := int64(0), int64(0) // sizes that are too small, large enough
	for _, l := range layers {
		high += int64(l.Candidates[0].Bytes)
		low += int64(l.Candidates[len(l.Candidates)-1].Bytes)
	}
	extra := n.model.FileBytes() - weightBytes(layers) + int64(1024+2*metadataBytes*len(layers))
	low, high = low+extra, high+extra
	var best *compressed
	for float64(high) > 1.05*float64(low) {
		middle := low + (high-low)/3 // small sizes are more often right
		made, err := c.within(cmd, n, layers, o, lutra.CompressBudget{Size: middle})
		if err != nil {
			return nil, err
		}
		lost, err := n.lost(cmd, made.model)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %.1f %% of the calibration images lost\n", bytesText(middle), 100*lost)
		c.budget.tried = append(c.budget.tried, tried{made.bytes, lost})
		if lost <= c.budget.drop {
			high, best = middle, made
		} else {
			low = middle
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no choice of blocks keeps the change below %s on %d calibration images: allow more, or use more images", c.budget.dropText, n.set.Len())
	}
	best.checkpoints = c.budget.used
	return best, nil
}

// weightBytes is the size of the layers in float32.
func weightBytes(layers []lutra.Sensitivity) int64 {
	sum := int64(0)
	for _, l := range layers {
		sum += 4 * int64(lutra.Shape(l.Shape).Elems())
	}
	return sum
}

// lost is the share of the calibration images that m gets wrong and the
// original gets right; of unlabelled ones, that change their best class.
func (n *network) lost(cmd *cobra.Command, m *lutra.Model) (float64, error) {
	if !n.set.Labelled() {
		c, err := lutra.Compare(cmd.Context(), n.model, m, n.set, n.p, n.p, lutra.EvalOptions{})
		if err != nil {
			return 0, err
		}
		return 1 - c.Agreement, nil
	}
	before, err := n.model.Evaluate(cmd.Context(), n.set, n.p, lutra.EvalOptions{})
	if err != nil {
		return 0, err
	}
	after, err := m.Evaluate(cmd.Context(), n.set, n.p, lutra.EvalOptions{})
	if err != nil {
		return 0, err
	}
	return before.Top1 - after.Top1, nil
}
