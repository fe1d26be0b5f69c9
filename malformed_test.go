package lutra

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A corpus of malformed files as data: testdata/malformed/*.txt. A file of the
// corpus holds bases, sound files of one format, and below each of them cases:
// what is changed, and what the error must say.
//
//	# a comment
//	== KIND FILE        begins a base: how it is described and used (readers), and its name
//	...                 its description
//	-- NAME             begins a case
//	- OLD               a line of the case: OLD, which occurs once in the description,
//	+ NEW               is replaced by NEW; without OLD, NEW is the whole description
//	cut N               only the first N bytes are left; without the last -N if N is negative
//	! TEXT              the error must contain TEXT
type malformedBase struct {
	place      string // in the corpus
	kind, file string
	text       string
	cases      []malformedCase
}

type malformedCase struct {
	place, name string
	old, new    []string
	cut         *int
	want        []string
}

// bytes is the file that the case describes.
func (c malformedCase) bytes(b malformedBase, compile func(string) ([]byte, error)) ([]byte, error) {
	text := b.text
	if len(c.old) == 0 && len(c.new) > 0 {
		text = strings.Join(c.new, "\n")
	}
	for i, old := range c.old {
		if n := strings.Count(text, old); n != 1 {
			return nil, fmt.Errorf("%q occurs %d times", old, n)
		}
		text = strings.Replace(text, old, c.new[i], 1)
	}
	out, err := compile(text)
	if err == nil && c.cut != nil {
		n := *c.cut
		if n < 0 {
			n += len(out)
		}
		out = out[:n:n]
	}
	return out, err
}

// corpus is all of testdata/malformed.
func corpus(t *testing.T) []malformedBase {
	t.Helper()
	paths, err := filepath.Glob("testdata/malformed/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no corpus", err)
	}
	var all []malformedBase
	for _, path := range paths {
		bases, err := readCorpus(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bases...)
	}
	for _, b := range all {
		if readers[b.kind] == nil {
			t.Fatalf("%s: unknown kind %q", b.place, b.kind)
		}
	}
	return all
}

// readCorpus parses a file of the corpus.
func readCorpus(path string) ([]malformedBase, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []malformedBase
	base := func() *malformedBase { return &all[len(all)-1] }
	for i, line := range strings.Split(string(b), "\n") {
		place := fmt.Sprintf("%s:%d", filepath.Base(path), i+1)
		switch mark, rest, _ := strings.Cut(line, " "); {
		case mark == "#" || line == "" && len(all) == 0:
		case mark == "==":
			kind, file, _ := strings.Cut(rest, " ")
			all = append(all, malformedBase{place: place, kind: kind, file: file})
		case len(all) == 0:
			return nil, fmt.Errorf("%s: expected == KIND FILE", place)
		case mark == "--":
			base().cases = append(base().cases, malformedCase{place: place, name: rest})
		case len(base().cases) == 0:
			base().text += line + "\n"
		case line != "":
			if err := base().cases[len(base().cases)-1].add(mark, rest); err != nil {
				return nil, fmt.Errorf("%s: %w", place, err)
			}
		}
	}
	return all, nil
}

func (c *malformedCase) add(mark, rest string) error {
	switch mark {
	case "-":
		c.old = append(c.old, rest)
		c.new = append(c.new, "")
	case "+":
		if n := len(c.new); n > 0 && n == len(c.old) && c.new[n-1] == "" {
			c.new[n-1] = rest
			return nil
		}
		if len(c.old) > 0 {
			return errors.New("+ without -")
		}
		c.new = append(c.new, rest)
	case "cut":
		var n int
		if _, err := fmt.Sscan(rest, &n); err != nil {
			return err
		}
		c.cut = &n
	case "!":
		c.want = append(c.want, rest)
	default:
		return fmt.Errorf("expected -, +, cut or !, found %q", mark)
	}
	return nil
}

// TestMalformed uses every file of the corpus the way the commands do. Bases
// are accepted; every case is refused with one line that names the file and
// says what the corpus expects, in bounded time and memory. No two are the same.
func TestMalformed(t *testing.T) {
	dir := malformedFolder(t)
	seen := map[[sha256.Size]byte]string{}
	for _, b := range corpus(t) {
		b.check(t, readers[b.kind](t), dir, seen)
	}
	if n := len(seen); n < 500 {
		t.Errorf("%d malformed files, want at least 500", n)
	}
	t.Logf("%d malformed files", len(seen))
}

func (b malformedBase) check(t *testing.T, r fileReader, dir string, seen map[[sha256.Size]byte]string) {
	path := filepath.Join(dir, b.file)
	if sound, err := r.compile(b.text); err != nil {
		t.Errorf("%s: %v", b.place, err)
	} else if err := r.use(path, sound); err != nil {
		t.Errorf("%s: the base is refused: %v", b.place, err)
	}
	for _, c := range b.cases {
		data, err := c.bytes(b, r.compile)
		if err != nil {
			t.Errorf("%s: %s: %v", c.place, c.name, err)
			continue
		}
		id := sha256.Sum256(append([]byte(b.kind+" "+b.file+"\n"), data...))
		if other, twice := seen[id]; twice {
			t.Errorf("%s: %s: the same file as %s", c.place, c.name, other)
		}
		seen[id] = c.place
		k := kind{name: b.file, use: r.use}
		if err := c.judge(k.bounded(t, path, c.place+": "+c.name, data), path); err != nil {
			t.Errorf("%s: %s: %v", c.place, c.name, err)
		}
	}
}

// judge says what is wrong with the error err about the file path.
func (c malformedCase) judge(err error, path string) error {
	if err == nil {
		return errors.New("accepted")
	}
	var format *FormatError
	var system *fs.PathError
	text := err.Error()
	switch {
	case !errors.As(err, &format) && !errors.As(err, &system):
		return fmt.Errorf("error of type %T: %s", err, text)
	case !strings.Contains(text, filepath.Dir(path)):
		return fmt.Errorf("error without the file: %s", text)
	case strings.ContainsAny(text, "\n\x00") || len(text) > 600:
		return fmt.Errorf("error of more than a line: %s", text)
	case len(c.want) == 0:
		return fmt.Errorf("nothing expected of the error: %s", text)
	}
	for _, w := range c.want {
		if !strings.Contains(text, w) {
			return fmt.Errorf("error without %q: %s", w, text)
		}
	}
	return nil
}

// malformedFolder holds what files of the corpus may refer to: images, data
// beside a model, and a secret above it.
func malformedFolder(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "folder")
	png, err := os.ReadFile("internal/data/testdata/grey.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"../secret": bytes.Repeat([]byte{7}, 64), "weights.bin": make([]byte, 64), "sub/weights.bin": make([]byte, 64),
		"a.png": png, "b.png": png, "broken.png": png[:40], "odd.bin": make([]byte, 13),
		"two-images-idx3-ubyte": idx(2, 4, 5),
	} {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"out.bin": "../secret", "up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err) // no symbolic links here
		}
	}
	return dir
}
