package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The measures of help, in characters.
const (
	helpWidth  = 100
	helpIndent = 30 // of what a flag does
)

// groupKey is the annotation of flags that --help lists under a title of their own.
const groupKey = "lutra group"

// noGroup is the title of the others.
const noGroup = "Flags"

// grouped puts the flags that register adds under a title.
func grouped(fs *pflag.FlagSet, title string, register func()) {
	known := map[string]bool{}
	fs.VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	register()
	fs.VisitAll(func(f *pflag.Flag) {
		if !known[f.Name] && f.Annotations[groupKey] == nil {
			f.Annotations = map[string][]string{groupKey: {title}}
		}
	})
}

// usage prints what follows the description of a command: how it is called,
// examples, its commands, and its flags by groups.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n")
	if cmd.Runnable() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	printCommands(&b, cmd)
	printFlags(&b, cmd.Flags())
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

// titled is what help lists under a title.
type titled[T any] struct {
	title string
	items []T
}

// commandGroups are the commands of cmd by groups, if it has any.
func commandGroups(cmd *cobra.Command) []titled[*cobra.Command] {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	var all []titled[*cobra.Command]
	for _, g := range groups {
		of := titled[*cobra.Command]{title: g.Title}
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID && (c.IsAvailableCommand() || c.Name() == "help") {
				of.items = append(of.items, c)
			}
		}
		if of.items != nil {
			all = append(all, of)
		}
	}
	return all
}

// flagGroups are flags by groups: those without a title first.
func flagGroups(fs *pflag.FlagSet) []titled[*pflag.Flag] {
	groups := []titled[*pflag.Flag]{{title: noGroup}}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		title := noGroup
		if of := f.Annotations[groupKey]; len(of) > 0 {
			title = of[0]
		}
		i := slices.IndexFunc(groups, func(g titled[*pflag.Flag]) bool { return g.title == title })
		if i < 0 {
			i = len(groups)
			groups = append(groups, titled[*pflag.Flag]{title: title})
		}
		groups[i].items = append(groups[i].items, f)
	})
	slices.SortFunc(groups[1:], func(a, b titled[*pflag.Flag]) int { return strings.Compare(a.title, b.title) })
	return slices.DeleteFunc(groups, func(g titled[*pflag.Flag]) bool { return g.items == nil })
}

func printCommands(b *strings.Builder, cmd *cobra.Command) {
	for _, g := range commandGroups(cmd) {
		fmt.Fprintf(b, "\n%s:\n", g.title)
		for _, c := range g.items {
			fmt.Fprintf(b, "  %-*s %s\n", c.NamePadding(), c.Name(), c.Short)
		}
	}
}

func printFlags(b *strings.Builder, fs *pflag.FlagSet) {
	for _, g := range flagGroups(fs) {
		fmt.Fprintf(b, "\n%s:\n", g.title)
		for _, f := range g.items {
			b.WriteString(flagHelp(f))
		}
	}
}

// flagHelp is what --help says of a flag: its name, what it takes, what it does.
func flagHelp(f *pflag.Flag) string {
	name := "      --" + f.Name
	if f.Shorthand != "" {
		name = "  -" + f.Shorthand + ", --" + f.Name
	}
	if takes := valueName(f); takes != "" {
		name += " " + takes
	}
	text := flagDoes(f)
	var b strings.Builder
	b.WriteString(name)
	at := len(name)
	if at > helpIndent-2 { // a name so long stands alone
		b.WriteString("\n")
		at = 0
	}
	b.WriteString(strings.Repeat(" ", helpIndent-at))
	at = helpIndent
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && at+1+len(word) > helpWidth:
			b.WriteString("\n" + strings.Repeat(" ", helpIndent))
			at = helpIndent
		case i > 0:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String() + "\n"
}

// flagDoes is what a flag does, and its default.
func flagDoes(f *pflag.Flag) string {
	if slices.Contains([]string{"", "0", "false", "[]", "0s"}, f.DefValue) {
		return f.Usage
	}
	return f.Usage + " (default " + strings.Trim(f.DefValue, "[]") + ")"
}

// files are the flags that take the name of a file or folder.
var files = []string{"calib", "checkpoint", "classes", "costs", "curves", "data", "heat", "labels", "log", "out", "output", "plot", "reference", "report", "teacher", "test", "vs"}

// valueName is what a flag takes, as one would write it.
func valueName(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return ""
	case "int", "uint64":
		return "N"
	case "float64":
		return "X"
	case "duration":
		return "TIME"
	case "intSlice":
		return "N,N,..."
	case "float64Slice":
		return "X,X,..."
	}
	if slices.Contains(files, strings.TrimPrefix(f.Name, "tune-")) {
		return "PATH"
	}
	return "TEXT"
}
