package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"lutra"
)

// TestChoices: what a shell offers is accepted, and belongs to a flag.
func TestChoices(t *testing.T) {
	used := map[string]bool{}
	for _, cmd := range newRoot().Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { used[f.Name] = true })
	}
	for name, choices := range flagChoices() {
		if !used[name] || len(choices) < 2 {
			t.Errorf("--%s: %v", name, choices)
		}
	}
	for _, mode := range flagChoices()["mode"] {
		if err := lutra.CheckMode(mode); err != nil {
			t.Error(err)
		}
	}
	for _, method := range lutra.CalibrationMethods() {
		if err := checkMethod("--method", method); err != nil {
			t.Error(err)
		}
	}
}

// TestHelp: every line of every help fits a wide terminal, flags have what they
// do in one column, and those that take files are flags.
func TestHelp(t *testing.T) {
	var names []string
	for _, cmd := range commands() {
		for line := range strings.Lines(flagsText(cmd.Flags())) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth {
				t.Errorf("%s: a line of %d: %s", cmd.Name(), n, line)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	}
	for _, name := range files {
		if !slices.Contains(names, name) {
			t.Errorf("no command has --%s", name)
		}
	}
}

func flagsText(fs *pflag.FlagSet) string {
	var b strings.Builder
	printFlags(&b, fs)
	return b.String()
}
