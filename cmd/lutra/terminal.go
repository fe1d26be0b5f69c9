package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// printJSON writes v as one indented JSON object.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printTable writes rows of cells in aligned columns; the first row is the
// header, cells that look like numbers are aligned right.
func printTable(w io.Writer, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(tw, strings.TrimRight(strings.Join(r, "\t"), "\t"))
	}
	return tw.Flush()
}

// status shows one line of progress on a terminal, rewritten in place. Where
// stderr is not a terminal it prints a plain line at most every ten seconds.
type status struct {
	w     io.Writer
	tty   bool
	start time.Time
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
	line := what
	if total > 0 {
		line = fmt.Sprintf("%3.0f%% %s", 100*done/total, what)
		if elapsed := now.Sub(s.start); done > 0 && elapsed > time.Second {
			left := time.Duration(float64(elapsed) * (total - done) / done)
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
