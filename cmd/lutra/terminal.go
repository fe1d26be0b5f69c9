package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// plain is text without control characters other than tab and line feed: names
// of layers and classes come from files, and are not to drive the terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, text)
}

// plainWriter writes plain text.
type plainWriter struct{ w io.Writer }

func (p plainWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(p.w, plain(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// printJSON writes v as one indented JSON object.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printTable writes rows of cells in aligned columns; the first row is the
// header, columns that hold a number are aligned right. Names in the first
// column that would push the others off the screen lose their middle. Columns of
// which no row says anything are left out.
func printTable(w io.Writer, rows [][]string) error {
	rows = saying(rows)
	for _, r := range rows[1:] {
		r[0] = shorten(r[0], 48)
	}
	widths := make([]int, len(rows[0]))
	numeric := make([]bool, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range rows[1:] {
		for i, cell := range r {
			_, err := strconv.ParseFloat(strings.TrimSuffix(cell, " %"), 64)
			numeric[i] = numeric[i] || err == nil
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if numeric[i] {
				line.WriteString(pad + cell + "  ")
			} else {
				line.WriteString(cell + pad + "  ")
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// saying is rows without the columns that are empty below the header.
func saying(rows [][]string) [][]string {
	said := make([]bool, len(rows[0]))
	for _, r := range rows[1:] {
		for i, cell := range r {
			said[i] = said[i] || cell != ""
		}
	}
	kept := make([][]string, len(rows))
	for k, r := range rows {
		for i, cell := range r {
			if said[i] || len(rows) == 1 {
				kept[k] = append(kept[k], cell)
			}
		}
	}
	return kept
}

// shorten leaves out the middle of a name of more than n characters.
func shorten(name string, n int) string {
	runes := []rune(name)
	if len(runes) <= n {
		return name
	}
	return string(runes[:2*n/3]) + "…" + string(runes[len(runes)-(n-1-2*n/3):])
}

// status shows one line of progress on a terminal, rewritten in place. Where
// stderr is not a terminal it prints a plain line at most every ten seconds.
type status struct {
	w     io.Writer
	tty   bool
	start time.Time // and what was done by then
	begun float64
	last  time.Time
	width int
}

func newStatus(w io.Writer) *status {
	f, ok := w.(*os.File)
	return &status{w: w, tty: ok && term.IsTerminal(int(f.Fd())), start: time.Now(), last: time.Now()}
}

// show replaces the line. done of total is shown as a share with the time that
// is left at the present rate; total 0 leaves both out.
func (s *status) show(what string, done, total float64) {
	now := time.Now()
	every := 10 * time.Second
	if s.tty {
		every = 100 * time.Millisecond
	}
	if now.Sub(s.last) < every {
		return
	}
	s.last = now
	line := plain(what)
	if total > 0 {
		line = fmt.Sprintf("%3.0f%% %s", 100*done/total, line)
		if elapsed := now.Sub(s.start); done > s.begun && elapsed > time.Second {
			left := time.Duration(float64(elapsed) * (total - done) / (done - s.begun))
			line += ", " + left.Round(time.Second).String() + " left"
		}
	}
	if !s.tty {
		fmt.Fprintln(s.w, line)
		return
	}
	fmt.Fprintf(s.w, "\r%-*s", s.width, line)
	s.width = len(line)
}

// restart counts the time from now, when so much was done.
func (s *status) restart(done float64) { s.start, s.begun = time.Now(), done }

// clear removes the line.
func (s *status) clear() {
	if s.tty && s.width > 0 {
		fmt.Fprintf(s.w, "\r%*s\r", s.width, "")
		s.width = 0
	}
}

// bytesText is n in the unit a person would use.
func bytesText(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	}
}
