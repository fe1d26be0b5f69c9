package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newMan() *cobra.Command {
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "man -o FOLDER",
		Short: "write the manual pages",
		Long: `Man writes a manual page for every command into a folder, from the same text as
--help. Put them where man(1) looks, such as ~/.local/share/man/man1. Shell
completion is written by lutra completion.`,
		Example: `  lutra man -o ~/.local/share/man/man1`,
		Args:    exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("man: expected a folder (-o FOLDER)")
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			pages, err := writePages(cmd.Root(), out)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"folder": out, "pages": pages})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d files in %s\n", pages, out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "folder for the pages")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// writePages writes the manual pages of cmd and of the commands below it, and counts them.
func writePages(cmd *cobra.Command, folder string) (int, error) {
	if err := os.WriteFile(filepath.Join(folder, pageName(cmd)+".1"), []byte(manPage(cmd)), 0o644); err != nil {
		return 0, err
	}
	pages := 1
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		below, err := writePages(c, folder)
		if err != nil {
			return 0, err
		}
		pages += below
	}
	return pages, nil
}

// pageName is the name of a command's manual page: lutra-compress.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is the manual page of a command, in the macros of man(7): what --help says.
func manPage(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" lutra\n.nh\n.ad l\n", roff(strings.ToUpper(pageName(cmd))))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fB%s\\fR\n", roff(cmd.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n")
	for paragraph := range strings.SplitSeq(cmp.Or(cmd.Long, cmd.Short), "\n\n") {
		if code := strings.Trim(paragraph, "\n"); strings.HasPrefix(code, " ") || strings.HasPrefix(code, "\t") {
			fmt.Fprintf(&b, ".PP\n.EX\n%s\n.EE\n", roff(code))
		} else {
			fmt.Fprintf(&b, ".PP\n%s\n", roff(code))
		}
	}
	if cmd.HasAvailableSubCommands() {
		manCommands(&b, cmd)
	}
	manFlags(&b, cmd)
	if cmd.HasExample() {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.EX\n%s\n.EE\n", roff(cmd.Example))
	}
	fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", strings.Join(seeAlso(cmd), ",\n"))
	return b.String()
}

func manCommands(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, ".SH COMMANDS\n")
	for _, g := range commandGroups(cmd) {
		fmt.Fprintf(b, ".SS %s\n", roff(g.title))
		for _, c := range g.items {
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(c.Name()), roff(c.Short))
		}
	}
}

func manFlags(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, ".SH OPTIONS\n")
	for _, g := range flagGroups(cmd.Flags()) {
		if g.title != noGroup {
			fmt.Fprintf(b, ".SS %s\n", roff(g.title))
		}
		for _, f := range g.items {
			name := `\fB\-\-` + roff(f.Name) + `\fR`
			if f.Shorthand != "" {
				name = `\fB\-` + f.Shorthand + `\fR, ` + name
			}
			if takes := valueName(f); takes != "" {
				name += ` \fI` + takes + `\fR`
			}
			fmt.Fprintf(b, ".TP\n%s\n%s\n", name, roff(flagDoes(f)))
		}
	}
}

// seeAlso names the pages above and below a command.
func seeAlso(cmd *cobra.Command) []string {
	var names []string
	add := func(c *cobra.Command) { names = append(names, ".BR "+roff(pageName(c))+" (1)") }
	if cmd.HasParent() {
		add(cmd.Parent())
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			add(c)
		}
	}
	return names
}

// roff is text that man shows as it is: the signs of code stay ASCII, for who copies
// them, and no line is a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\n.", "\n\\&.").Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}
