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
}

func (b *budgetFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&b.sizeText, "target-size", "", "most bytes of the file, as 1.5MiB, 800KB or 123456: block sizes are chosen to fit")
	fs.StringVar(&b.dropText, "max-drop", "", "most calibration images, as 1%, whose best class may change (of labelled images: that may be lost); the smallest such file is looked for")
}

// parse reads the flags.
func (b *budgetFlags) parse(dryRun bool, calib string) (err error) {
	b.drop = -1
	if b.sizeText == "" && b.dropText == "" {
		return nil
	}
	if b.sizeText != "" && b.dropText != "" {
		return usagef("compress: expected --target-size or --max-drop, found both")
	}
	if dryRun || calib == "" {
		return usagef("compress: --target-size and --max-drop need calibration images (--calib DATA) and no --dry-run")
	}
	if b.sizeText != "" {
		b.size, err = parseBytes(b.sizeText)
		return err
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(b.dropText, "%"), 64)
	if err != nil || !strings.HasSuffix(b.dropText, "%") || v < 0 || v > 100 {
		return usagef("--max-drop: expected a percentage from 0%% to 100%%, found %q", b.dropText)
	}
	b.drop = v / 100
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
	if c.budget.size == 0 && c.budget.drop < 0 {
		return c.make(cmd, n, o)
	}
	layers, err := sensitivities(cmd, n, o)
	if err != nil {
		return nil, err
	}
	if c.budget.size > 0 {
		return c.within(cmd, n, layers, o, c.budget.size)
	}
	return c.smallest(cmd, n, layers, o)
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

// within compresses n to at most size bytes. What the file's metadata takes is
// known afterwards only: if that was underestimated, it starts again.
func (c *compressFlags) within(cmd *cobra.Command, n *network, layers []lutra.Sensitivity, o lutra.CompressOptions, size int64) (*compressed, error) {
	reserve := int64(1024 + metadataBytes*len(layers))
	base := o.Checkpoint
	var used []string
	for {
		rules, err := n.model.CompressWithin(layers, o, size, reserve)
		if err != nil {
			return nil, err
		}
		rules.Checkpoint = fmt.Sprintf("%s.%d.%d", base, size, reserve)
		used = append(used, rules.Checkpoint)
		made, err := c.make(cmd, n, rules)
		if err != nil {
			return nil, err
		}
		b, err := made.model.Encode()
		if err != nil {
			return nil, err
		}
		if over := int64(len(b)) - size; over > 0 {
			reserve += over + metadataBytes
			continue
		}
		made.checkpoints = used
		return made, nil
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
	var used []string
	for float64(high) > 1.05*float64(low) {
		middle := low + (high-low)/3 // small sizes are more often right
		made, err := c.within(cmd, n, layers, o, middle)
		if err != nil {
			return nil, err
		}
		used = append(used, made.checkpoints...)
		lost, err := n.lost(cmd, made.model)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %.1f %% of the calibration images lost\n", bytesText(middle), 100*lost)
		if lost <= c.budget.drop {
			high, best = middle, made
		} else {
			low = middle
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no choice of blocks keeps the change below %s on %d calibration images: allow more, or use more images", c.budget.dropText, n.set.Len())
	}
	best.checkpoints = used
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
