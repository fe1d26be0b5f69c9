package fit

import (
	"context"

	"lutra/internal/graph"
	"lutra/internal/safe"
)

// Codes says how a network of codebooks is tuned beyond the values of its
// codewords: blocks drift away from their codewords by their own gradients, and
// every so many steps each gets the codeword that is then nearest. The number
// and the length of codewords stay, and so does the size of the file.
type Codes struct {
	Every int     `json:"every"` // steps between re-assignments; 0: 20
	Rate  float64 `json:"rate"`  // learning rate of the drift, relative to that of codewords; 0: 10
	Most  float64 `json:"most"`  // largest share of a codebook's codes that change at once; 0: 0.002
}

// lastCodes is the share of the steps after which codes stay, so that
// codewords settle on them.
const lastCodes = 0.9

// checkCodes refuses what cannot be done and fills in defaults.
func (o *Options) checkCodes() error {
	if o.Codes == nil {
		return nil
	}
	c := *o.Codes
	if c.Every == 0 {
		c.Every = 20
	}
	if c.Rate == 0 {
		c.Rate = 10
	}
	if c.Most == 0 {
		c.Most = 0.002
	}
	if c.Every < 0 || !(c.Rate > 0 && c.Rate <= 1e3) || !(c.Most > 0 && c.Most <= 1) {
		return safe.Optionf("codes: expected a re-assignment every 1 or more steps, a rate of drift up to 1000 and a share up to 1, found %d, %g and %g", c.Every, c.Rate, c.Most)
	}
	o.Codes = &c
	return nil
}

// trainable selects the codewords of g, or of one weight, if nothing else is to be trained.
func (o *Options) trainable(g *graph.Graph) func(name string) bool {
	if !o.WordsOnly && o.weight == "" {
		return nil
	}
	words := map[string]bool{}
	for _, n := range g.Nodes {
		if n.IsCodebook() && (o.weight == "" || n.Outputs[0] == o.weight) {
			words[n.Inputs[len(n.Inputs)-1]] = true
		}
	}
	return func(name string) bool { return words[name] }
}

// reassign changes codes if it is time after so many steps and has not been
// done: before the next step or test, so that a training that is interrupted
// here goes on here.
func (j *job) reassign(ctx context.Context) error {
	c, steps := j.o.Codes, j.trainer.Steps()
	if c == nil || steps%c.Every != 0 || steps == j.at.Reassigned || float64(steps) > lastCodes*float64(j.o.Epochs*j.src.PerEpoch()) {
		return nil
	}
	changed, err := j.trainer.Net.Reassign(ctx, c.Most)
	if err != nil {
		return err
	}
	j.at.Codes += changed
	j.at.Reassigned = steps
	return nil
}
