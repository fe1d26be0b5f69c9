package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestDocumentedCommands reads every command line of lutra in the Markdown
// files and in the examples of --help: commands and flags must be there, and
// values of flags have their type.
func TestDocumentedCommands(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	files = append(files, "../../README.md", "../../card.md", "../../BENCHMARKS.md", "../../RATIONALE.md", "../../CHANGELOG.md", "../../ARCHITECTURE.md")
	texts := map[string]string{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = strings.Join(codeOf(string(b)), "\n")
	}
	for _, c := range commands() {
		texts["lutra "+c.Name()+" --help"] = strings.ReplaceAll(c.Example, "\\\n", "")
	}
	seen := 0
	for name, text := range texts {
		for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
			if at := strings.Index(line, "# "); at >= 0 {
				line = line[:at]
			}
			for _, words := range calls(line) {
				seen++
				if err := parses(words); err != nil {
					t.Errorf("%s: lutra %s: %v", name, strings.Join(words, " "), err)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d command lines found", seen)
	}
}

var (
	block    = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	inline   = regexp.MustCompile("`([^`]+)`")
	indented = regexp.MustCompile(`(?m)^    +\S.*$`)
	call     = regexp.MustCompile(`(?:^|[\s;&|(])(?:\./|\.\./)*lutra ([^|&;)]+)`)
)

// codeOf lists the pieces of code in a Markdown text.
func codeOf(text string) []string {
	var all []string
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	text = block.ReplaceAllString(text, "")
	all = append(all, indented.FindAllString(text, -1)...)
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.ReplaceAll(m[1], "\n", " "))
	}
	return all
}

// calls are the words behind every "lutra" of a line of shell.
func calls(line string) [][]string {
	var all [][]string
	for _, m := range call.FindAllStringSubmatch(line, -1) {
		if words := strings.Fields(m[1]); len(words) > 0 && regexp.MustCompile(`^[a-z][a-z-]+$`).MatchString(words[0]) {
			all = append(all, words)
		}
	}
	return all
}

// parses fails if the command or a flag of a call is unknown.
func parses(words []string) error {
	root := newRoot()
	root.SetOut(io.Discard)
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	var flags []string
	for i := 0; i < len(rest); i++ {
		word := strings.Trim(rest[i], ",.…")
		if !strings.HasPrefix(word, "-") || strings.Trim(word, "-") == "" {
			continue
		}
		flags = append(flags, word)
		if f := flagOf(cmd, word); f != nil && f.NoOptDefVal == "" && !strings.Contains(word, "=") && i+1 < len(rest) && !strings.HasPrefix(rest[i+1], "--") {
			value := strings.Trim(rest[i+1], `'"`)
			if !regexp.MustCompile(`^[A-Z]$|[…$]|^\.\.+$`).MatchString(value) { // a placeholder
				flags = append(flags, value)
			} else {
				flags = flags[:len(flags)-1]
			}
			i++
		} else if f != nil && f.NoOptDefVal == "" && !strings.Contains(word, "=") {
			flags = flags[:len(flags)-1] // named in prose, without a value
		}
	}
	return cmd.ParseFlags(flags)
}

func flagOf(cmd *cobra.Command, word string) *pflag.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if strings.HasPrefix(word, "--") {
		return cmd.Flags().Lookup(name)
	}
	return cmd.Flags().ShorthandLookup(name[:1])
}
