package lutra_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// markdown lists the Markdown files of the module.
func markdown(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".md") && name != "card.md" { // a template
			all = append(all, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d Markdown files, %v", len(all), err)
	}
	return all
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```[ \t]*$")
	inCode  = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*$`)
)

// prose is a file without code.
func prose(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return fence.ReplaceAllString(string(b), "")
}

// anchors are the places in a file that links may name: GitHub's form of its headings.
func anchors(t *testing.T, name string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(prose(t, name), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(m[1]) {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteRune('-')
			}
		}
		all[b.String()] = true
	}
	return all
}

// TestLinks follows every relative link of every Markdown file, and the anchors
// behind them.
func TestLinks(t *testing.T) {
	seen := 0
	for _, name := range markdown(t) {
		for _, m := range link.FindAllStringSubmatch(inCode.ReplaceAllString(prose(t, name), ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			seen++
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: link to %s: no such file", name, m[1])
			} else if anchor != "" && !anchors(t, file)[anchor] {
				t.Errorf("%s: link to %s: %s has no such heading", name, m[1], file)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d links found: is the expression right?", seen)
	}
}

// TestFormatRules demands a number for every MUST of docs/format.md, and for
// every number a test that is there.
func TestFormatRules(t *testing.T) {
	text := prose(t, "docs/format.md")
	rules, table, _ := strings.Cut(text, "## Conformance")
	rule := regexp.MustCompile(`^- \*\*(F\d+)\*\* `)
	tested := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| (F\\d+) \\| `([^`]+)` `(Test\\w+)(?:/(\\w+))?` \\|$").FindAllStringSubmatch(table, -1) {
		if tested[m[1]] = hasTest(t, m[2], m[3], m[4]); !tested[m[1]] {
			t.Errorf("%s: %s has no test %s/%s", m[1], m[2], m[3], m[4])
		}
	}
	numbers := 0
	for item := range strings.SplitSeq(strings.ReplaceAll(rules, "\n- ", "\n\n- "), "\n\n") {
		item = strings.TrimSpace(item)
		m := rule.FindStringSubmatch(item)
		if m != nil {
			numbers++
		}
		switch {
		case m == nil && strings.Contains(item, "MUST") && !strings.HasPrefix(item, "# File format") && !strings.Contains(item, "every MUST is tied"):
			t.Errorf("a MUST without a number: %q", item)
		case m != nil && !strings.Contains(item, "MUST"):
			t.Errorf("%s demands nothing", m[1])
		case m != nil && !tested[m[1]]:
			t.Errorf("%s has no test", m[1])
		}
	}
	if numbers != len(tested) || numbers < 10 {
		t.Errorf("%d rules, %d tests", numbers, len(tested))
	}
}

// hasTest reports whether a folder has a test function that names the subtest.
func hasTest(t *testing.T, folder, name, sub string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "func "+name+"(") && (sub == "" || strings.Contains(string(b), `"`+sub+`"`)) {
			return true
		}
	}
	return false
}

// TestExamples demands a runnable example of every exported type of this
// package, and a comment that begins with the name of what it explains.
func TestExamples(t *testing.T) {
	fset, all := token.NewFileSet(), []*ast.File(nil)
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	pkg, err := doc.NewFromFiles(fset, all, "lutra")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, e := range doc.Examples(all...) {
		if e.Output == "" && !e.EmptyOutput {
			t.Errorf("Example%s is compiled but not run: it has no output", e.Name)
		}
		for part := range strings.SplitSeq(e.Name, "_") {
			shown[part] = true
			break
		}
	}
	for _, typ := range pkg.Types {
		if !shown[typ.Name] {
			t.Errorf("type %s has no example", typ.Name)
		}
		explained(t, typ.Name, typ.Doc)
		for _, f := range append(typ.Funcs, typ.Methods...) {
			explained(t, f.Name, f.Doc)
		}
	}
	for _, f := range pkg.Funcs {
		explained(t, f.Name, f.Doc)
	}
	if len(pkg.Doc) < 400 {
		t.Errorf("the package's comment has %d letters", len(pkg.Doc))
	}
}

func explained(t *testing.T, name, text string) {
	t.Helper()
	if !strings.HasPrefix(text, name+" ") && !strings.HasPrefix(text, "An "+name) && !strings.HasPrefix(text, "A "+name) {
		t.Errorf("%s: the comment is %.40q", name, text)
	}
}
