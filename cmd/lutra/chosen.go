package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/compress"
)

// rival is a set of candidates to choose from.
type rival struct {
	name    string
	layers  []lutra.Sensitivity
	reserve int64   // bytes for metadata
	damage  float64 // of all layers together, on images that were not used
}

// title says what the candidates are.
func (r *rival) title() string {
	return map[string]string{"all": "all sizes", "near": "sizes near the usual", "usual": "--blocks"}[r.name]
}

// chosen compresses n to a size and a time. The damages of layers, measured one
// by one, do not add up where all suffer much: so three choices are tried on
// images held out, of all candidates, of those that keep near what --blocks
// says, and just that; the best is made.
func (c *compressFlags) chosen(cmd *cobra.Command, n *network, layers []lutra.Sensitivity, o lutra.CompressOptions) (*compressed, error) {
	b := lutra.CompressBudget{Size: c.budget.size, US: 1e3 * c.budget.ms}
	if b.US > 0 {
		run := lutra.Options{Threads: c.budget.run.threads, CPU: c.budget.run.cpu(), Mode: c.budget.run.mode}
		var err error
		if c.budget.run.costs != "" {
			if run.Costs, err = lutra.ReadCosts(c.budget.run.costs); err != nil {
				return nil, err
			}
		}
		c.budget.options = run
		if layers, b.Rest, err = n.model.LayerTimes(cmd.Context(), n.set, n.p, layers, o, run); err != nil {
			return nil, err
		}
	}
	if b.Size == 0 {
		sizes, err := n.model.CompressSizes(o)
		if err != nil {
			return nil, err
		}
		b.Size = n.model.FileBytes() - int64(sizes.InBytes) + int64(sizes.OutBytes) + metadataOf(layers)
	}
	rivals, err := c.rivals(cmd, n, layers, o, b)
	if err != nil {
		return nil, err
	}
	for _, r := range rivals {
		b.Reserve = r.reserve
		named := o
		named.Checkpoint += "." + r.name
		var made *compressed
		if made, err = c.within(cmd, n, r.layers, named, b); err == nil {
			return made, nil
		}
	}
	return nil, err
}

// rivals are the sets from which something within the budget can be chosen, the
// best first.
func (c *compressFlags) rivals(cmd *cobra.Command, n *network, layers []lutra.Sensitivity, o lutra.CompressOptions, b lutra.CompressBudget) ([]rival, error) {
	// Without rules metadata is short. It is underestimated, for what just fits is
	// to have its chance, and counted when the file is made.
	usual := int64(256 + metadataBytes/6*len(layers))
	var kept []rival
	var first error
	for _, r := range []rival{
		{name: "all", layers: layers, reserve: metadataOf(layers)},
		{name: "near", layers: compress.Near(layers), reserve: metadataOf(layers)},
		{name: "usual", layers: compress.Usual(layers), reserve: usual},
	} {
		b.Reserve = r.reserve
		rules, err := n.model.CompressWithin(r.layers, o, b)
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		if n.set.Len() >= leastTrial {
			if r.damage, err = trial(cmd, n, rules); err != nil {
				return nil, err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "blocks from %s: damage %.4f on images held out\n", r.title(), r.damage)
		}
		kept = append(kept, r)
	}
	if len(kept) == 0 {
		return nil, first
	}
	slices.SortStableFunc(kept, func(a, b rival) int { return cmp.Compare(a.damage, b.damage) })
	c.budget.rivals = kept
	return kept, nil
}

// leastTrial is the least number of calibration images that can be divided into
// some to fit and some to judge.
const leastTrial = 8

func trial(cmd *cobra.Command, n *network, o lutra.CompressOptions) (float64, error) {
	line := newStatus(cmd.ErrOrStderr())
	defer line.clear()
	o.Progress = func(p lutra.CompressProgress) { showCompress(line, p) }
	return n.model.CompressTrial(cmd.Context(), n.set, n.p, o)
}

// timing is what an inference of one image takes.
type timing struct {
	Mode        string  `json:"mode"`
	Threads     int     `json:"threads"`
	PredictedMS float64 `json:"predicted_ms"`
	MeasuredMS  float64 `json:"measured_ms"` // the least of every step over several runs
}

// predict says what the model, as stored in bytes, will take, in microseconds.
func (c *compressFlags) predict(made *compressed, bytes []byte) (float64, error) {
	var err error
	if made.timed, err = lutra.Decode(c.out, bytes, c.budget.options); err != nil {
		return 0, err
	}
	plan, err := made.timed.Plan(1)
	if err != nil {
		return 0, err
	}
	return plan.PredictedUS, nil
}

// time measures what was predicted; nil if nothing was.
func (c *compressFlags) time(cmd *cobra.Command, made *compressed) (*timing, error) {
	if made.timed == nil {
		return nil, nil
	}
	plan, err := made.timed.MeasuredPlan(cmd.Context(), 1)
	if err != nil {
		return nil, err
	}
	return &timing{c.budget.options.Mode, plan.Threads, plan.PredictedUS / 1e3, plan.MeasuredUS / 1e3}, nil
}

func (t *timing) print(w io.Writer) {
	if t != nil {
		fmt.Fprintf(w, "one image, mode %s, threads: %d: predicted %.3f ms, measured %.3f ms\n", t.Mode, t.Threads, t.PredictedMS, t.MeasuredMS)
	}
}
