package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
)

// newBound is the upper bound of rectifiers of a network that is trained from
// scratch, that of ReLU6.
const newBound = 6

// tableFlags are those that --lut must accompany.
var tableFlags = []string{"levels", "weights", "cluster", "cluster-every", "cluster-from", "cluster-anneal", "cluster-biases", "pairs", "per-layer", "bound", "learn-bounds", "first-weights", "input-levels", "input-share", "output-levels", "equalise"}

func (t *trainFlags) registerTables(fs *pflag.FlagSet) {
	fs.BoolVar(&t.lut, "lut", false, "make a network of lookup tables, for --mode lut and emit-c")
	fs.IntVar(&t.tables.Levels, "levels", 32, "with --lut: levels of the input and of every activation, 2 to 256")
	fs.IntVar(&t.tables.Weights, "weights", 1000, "with --lut: values that weights may have, 2 to 65536")
	fs.IntVar(&t.tables.Pairs, "pairs", 0, "with --lut: pairs that the weights of two adjacent outputs may form, 2 to 4096, as 256 or 64; --weights (then as many) is for layers of an odd number of outputs (0: no pairs)")
}

// registerClustering adds how the weights of tables are found.
func (t *trainFlags) registerClustering(fs *pflag.FlagSet) {
	fs.StringVar(&t.tables.Method, "cluster", "kmeans", "of tables: how the values of weights are found, "+strings.Join(lutra.ClusterMethods(), ", "))
	fs.IntVar(&t.tables.Every, "cluster-every", 0, "of tables: steps between clusterings of the weights (0: 1000)")
	fs.Float64Var(&t.tables.From, "cluster-from", 0, "of tables: epoch after which the weights are clustered, as 1.5 (0: from the start, with batch normalisations the last tenth)")
	fs.BoolVar(&t.tables.Anneal, "cluster-anneal", false, "of tables: begin with 16 times as many values, fewer until the middle of the clusterings")
	fs.BoolVar(&t.tables.PerLayer, "per-layer", false, "of tables: values, or pairs, of its own for every layer")
	fs.BoolVar(&t.tables.Biases, "cluster-biases", false, "of tables: biases are among the weights, so that they take the same values")
	fs.Float64Var(&t.tables.Bound, "bound", 0, "of tables: upper bound of rectifiers (0: 6 in new networks, measured in models)")
	fs.BoolVar(&t.tables.Learn, "learn-bounds", false, "of tables: upper bounds of rectifiers learn, from there on")
}

// registerConversion adds how a model becomes one of tables.
func (t *trainFlags) registerConversion(fs *pflag.FlagSet) {
	fs.IntVar(&t.tables.First, "first-weights", 0, "of tables: values of the weights that read the input, in a table of their own (0: as the others)")
	fs.IntVar(&t.tables.InputLevels, "input-levels", 0, "of tables: levels of the input (0: --levels)")
	fs.IntVar(&t.tables.OutputLevels, "output-levels", 0, "of tables: levels of an auto-encoder's output, between the bounds of its input's, 2 to 256 (0: scores)")
	fs.Float64Var(&t.tables.InputShare, "input-share", 0, "of tables: share of the input's numbers that its levels span, as 0.99; others are clipped (0: all)")
	fs.Float64Var(&t.tables.Equalise, "equalise", 0, "of tables: rescale the channels of a model of rectifiers so that layers share a table; their ranges become their (1-F)th power, as 0.5 (0: no)")
}

// checkConversion refuses what cannot be done with a model.
func (t *trainFlags) checkConversion() error {
	c := t.tables
	switch {
	case c.First != 0 && (c.First < 2 || c.First > 1<<16):
		return usagef("--first-weights: expected 2 to 65536, found %d", c.First)
	case c.InputLevels != 0 && (c.InputLevels < 2 || c.InputLevels > 256):
		return usagef("--input-levels: expected 2 to 256, found %d", c.InputLevels)
	case c.OutputLevels != 0 && (c.OutputLevels < 2 || c.OutputLevels > 256):
		return usagef("--output-levels: expected 2 to 256, found %d", c.OutputLevels)
	case !(c.InputShare >= 0 && c.InputShare <= 1):
		return usagef("--input-share: expected 0 to 1, found %g", c.InputShare)
	case !(c.Equalise >= 0 && c.Equalise <= 1):
		return usagef("--equalise: expected 0 to 1, found %g", c.Equalise)
	}
	return nil
}

// checkTables refuses flags of lookup tables that make no sense.
func (t *trainFlags) checkTables(cmd *cobra.Command) error {
	for _, name := range tableFlags {
		if !t.lut && cmd.Flags().Changed(name) {
			return usagef("--%s: expected --lut with it", name)
		}
	}
	if t.tables.Pairs != 0 && !cmd.Flags().Changed("weights") {
		t.tables.Weights = t.tables.Pairs
	}
	switch {
	case t.tables.Pairs != 0 && (t.tables.Pairs < 2 || t.tables.Pairs > 4096):
		return usagef("--pairs: expected 2 to 4096, found %d", t.tables.Pairs)
	case t.tables.Levels < 2 || t.tables.Levels > 256:
		return usagef("--levels: expected 2 to 256, found %d", t.tables.Levels)
	case t.tables.Weights < 2 || t.tables.Weights > 1<<16:
		return usagef("--weights: expected 2 to 65536, found %d", t.tables.Weights)
	}
	return t.checkClustering(t.tables.Pairs != 0)
}

// checkClustering refuses what cannot be done with weights, or pairs of them.
func (t *trainFlags) checkClustering(pairs bool) error {
	known := lutra.ClusterMethods()
	if pairs {
		known = lutra.ClusterPairMethods()
	}
	switch {
	case t.tables.Every < 0:
		return usagef("--cluster-every: expected 0 or more, found %d", t.tables.Every)
	case !(t.tables.From >= 0):
		return usagef("--cluster-from: expected 0 or more, found %g", t.tables.From)
	case !(t.tables.Bound >= 0 && t.tables.Bound <= 1e6):
		return usagef("--bound: expected 0 to 1e6, found %g", t.tables.Bound)
	case !slices.Contains(known, t.tables.Method):
		return usagef("--cluster %q: expected one of %s", t.tables.Method, strings.Join(known, ", "))
	}
	return t.checkConversion()
}

// bound gives rectifiers of a new network a bound: nothing is to be measured yet.
func (t *trainFlags) bound() {
	if t.tables.Bound == 0 {
		t.tables.Bound = newBound
	}
}
