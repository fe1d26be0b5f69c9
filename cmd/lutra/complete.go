package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra"
	"lutra/internal/compress"
	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/fit"
	networks "lutra/internal/network"
)

// flagChoices are what a shell offers for flags that take one of a few names.
func flagChoices() map[string][]string {
	return map[string][]string{
		"mode": lutra.Modes(), "mode-b": lutra.Modes(), "mode-vs": lutra.Modes(), "teacher-mode": engine.Modes(),
		"preprocess": data.PresetNames(), "interpolation": data.FilterNames(),
		"order": data.OrderNames(), "layout": data.LayoutNames(), "split": data.SplitNames(),
		"blocks": compress.PresetNames(), "codebook": compress.CodewordsNames(), "metric": compress.MetricNames(),
		"correction": compress.CorrectionNames(), "first": compress.StorageNames(),
		"ranges": append(lutra.CalibrationMethods(), noRanges), "method": lutra.CalibrationMethods(),
		"optimizer": fit.Optimisers(), "tune-optimizer": fit.Optimisers(), "schedule": fit.Schedules(), "tune-schedule": fit.Schedules(),
		"activation": networks.Activations(), "cluster": lutra.ClusterMethods(), "keep": keepNames(),
		"arch": lutra.Architectures(), "target": targetNames(),
	}
}

// completeNames makes shells offer names for flags, and networks to train.
func completeNames(root *cobra.Command) {
	choices := flagChoices()
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if names := choices[f.Name]; names != nil {
				// It fails where a function is registered already: none is.
				_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
			}
		})
		if slices.Contains([]string{"train", "sweep"}, cmd.Name()) {
			cmd.ValidArgsFunction = cobra.FixedCompletions(networks.Names(), cobra.ShellCompDirectiveDefault)
		}
	}
}
