package data

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"lutra/internal/safe"
)

const (
	maxListBytes = 64 << 20
	maxClasses   = 1 << 20
)

// classList holds class names in class order.
type classList struct {
	file  string
	names []string
	rank  map[string]int // class of a wnid; nil if the list has none
}

// ReadClasses reads a file with one class name a line. A list of "wnid name"
// lines (ImageNet's synset list) yields the names without wnids.
func ReadClasses(path string) ([]string, error) {
	c, err := readClasses(path)
	if err != nil {
		return nil, err
	}
	return c.names, nil
}

func readClasses(path string) (*classList, error) {
	b, err := safe.ReadFile(path, maxListBytes)
	if err != nil {
		return nil, err
	}
	return parseClasses(path, string(b))
}

func parseClasses(path, text string) (*classList, error) {
	if !utf8.ValidString(text) {
		return nil, &safe.FormatError{File: path, Expected: "UTF-8 text, one class a line", Found: "other bytes"}
	}
	lines := splitLines(text)
	if len(lines) == 0 {
		return nil, &safe.FormatError{File: path, Expected: "one class a line", Found: "no lines"}
	}
	if len(lines) > maxClasses {
		return nil, &safe.FormatError{File: path, Expected: fmt.Sprintf("at most %d classes", maxClasses), Found: fmt.Sprint(len(lines))}
	}
	if gap := slices.Index(lines, ""); gap >= 0 {
		return nil, &safe.FormatError{File: path, Where: fmt.Sprintf("line %d", gap+1), Expected: "a class name", Found: "an empty line"}
	}
	c := &classList{file: path, names: lines}
	rank := make(map[string]int, len(lines))
	bare := make([]string, len(lines))
	for i, line := range lines {
		wnid, name, ok := strings.Cut(line, " ")
		if !ok || !isWnid(wnid) {
			return c, nil // a plain list
		}
		if first, twice := rank[wnid]; twice {
			return nil, &safe.FormatError{File: path, Where: fmt.Sprintf("line %d", i+1), Expected: "every wnid once", Found: fmt.Sprintf("%s as in line %d", wnid, first+1)}
		}
		rank[wnid], bare[i] = i, name
	}
	c.names, c.rank = bare, rank
	return c, nil
}

// isWnid tells WordNet ids: n and 8 digits.
func isWnid(s string) bool {
	return len(s) == 9 && s[0] == 'n' && strings.Trim(s[1:], "0123456789") == ""
}

// find returns the class that a folder is named for, by wnid or by name.
func (c *classList) find(path, folder string) (int, error) {
	if i, ok := c.rank[folder]; ok {
		return i, nil
	}
	for i, name := range c.names {
		if name == folder {
			return i, nil
		}
	}
	return 0, &safe.FormatError{File: path, Expected: "a folder named by a class of " + c.file, Found: folder}
}

// splitLines cuts text at line ends, dropping a last empty line and carriage returns.
func splitLines(text string) []string {
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\ufeff")
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
