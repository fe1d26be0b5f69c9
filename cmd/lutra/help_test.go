package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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

// TestManPages: a page says of every flag and command what --help says, under the
// same titles, and groff, where it is installed, has nothing against it.
func TestManPages(t *testing.T) {
	folder := t.TempDir()
	n, err := writePages(newRoot(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != n || n <= len(commands()) {
		t.Errorf("%d files, %d pages of %d commands, error %v", len(files), n, len(commands()), err)
	}
	for _, cmd := range append(commands(), newRoot()) {
		if cmd.Name() == "help" {
			continue
		}
		page, err := os.ReadFile(filepath.Join(folder, pageName(cmd)+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		demand := func(what string) {
			if !strings.Contains(string(page), what+"\n") {
				t.Errorf("%s: no %q", pageName(cmd), what)
			}
		}
		for _, g := range flagGroups(cmd.Flags()) {
			if g.title != noGroup {
				demand(".SS " + roff(g.title))
			}
			for _, f := range g.items {
				demand(roff(flagDoes(f)))
			}
		}
		for _, c := range cmd.Commands() {
			demand(".B " + roff(c.Name()) + "\n" + roff(c.Short))
		}
		if groff, err := exec.LookPath("groff"); err == nil {
			check := exec.Command(groff, "-man", "-Tutf8", "-ww")
			check.Stdin = bytes.NewReader(page)
			var said bytes.Buffer
			check.Stderr = &said
			if _, err := check.Output(); err != nil || said.Len() > 0 {
				t.Errorf("%s: %v: %s", pageName(cmd), err, &said)
			}
		}
	}
}

// TestRoff: text is shown as it is.
func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"a--b 'c' ~/d":           `a\-\-b \(aqc\(aq \(ti/d`,
		".hidden":                `\&.hidden`,
		"one\n.two\n'three\n...": "one\n\\&.two\n\\(aqthree\n\\&...",
		`a \`:                    `a \e`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
