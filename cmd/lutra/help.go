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

// printCommands lists the commands of cmd by groups, if it has any.
func printCommands(b *strings.Builder, cmd *cobra.Command) {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	for _, g := range groups {
		var lines []string
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID && (c.IsAvailableCommand() || c.Name() == "help") {
				lines = append(lines, fmt.Sprintf("  %-*s %s\n", c.NamePadding(), c.Name(), c.Short))
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(b, "\n%s:\n%s", g.Title, strings.Join(lines, ""))
		}
	}
}

// printFlags lists flags by groups: those without a title first.
func printFlags(b *strings.Builder, fs *pflag.FlagSet) {
	titles := []string{"Flags"}
	lines := map[string][]string{}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		title := titles[0]
		if of := f.Annotations[groupKey]; len(of) > 0 {
			title = of[0]
		}
		if !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
		lines[title] = append(lines[title], flagHelp(f))
	})
	slices.Sort(titles[1:])
	for _, title := range titles {
		if len(lines[title]) > 0 {
			fmt.Fprintf(b, "\n%s:\n%s", title, strings.Join(lines[title], ""))
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
	text := f.Usage
	if !slices.Contains([]string{"", "0", "false", "[]", "0s"}, f.DefValue) {
		text += " (default " + strings.Trim(f.DefValue, "[]") + ")"
	}
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
