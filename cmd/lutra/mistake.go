package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lutra/internal/safe"
)

// usageError marks mistakes on the command line, which exit with code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// calledWrongly says whether err is a mistake of the caller: on the command line, or
// an option out of its range that a package found.
func calledWrongly(err error) bool {
	var usage usageError
	var option *safe.OptionError
	return errors.As(err, &usage) || errors.As(err, &option)
}

// oneLine is the text of an error as a person reads it, on one line: joined
// errors and causes of several lines are put on one, and the system's errors
// name the file, not the call that failed.
func oneLine(err error) string {
	text := err.Error()
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		text = strings.Replace(text, cause.Error(), cause.Path+": "+cause.Err.Error(), 1)
	}
	return plain(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}

// flagMistake words the errors of pflag, which speak of its types, and names the
// flag that was meant.
func flagMistake(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		if what, ok := flagValues[value.GetFlag().Value.Type()]; ok {
			return usagef("%s: --%s: expected %s, found %q", cmd.Name(), value.GetFlag().Name, what, value.GetValue())
		}
	}
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if name := likeFlag(cmd, unknown.GetSpecifiedName()); name != "" {
			hint = fmt.Sprintf("did you mean --%s?", name)
		}
	}
	return usagef("%s: %w (%s)", cmd.Name(), err, hint)
}

// flagValues are what flags of pflag's types take.
var flagValues = map[string]string{
	"bool": "true or false", "int": "a whole number", "uint64": "a whole number of at least 0", "float64": "a number",
	"duration": "a time as 30s, 5m or 1h", "intSlice": "whole numbers between commas", "float64Slice": "numbers between commas",
}

// likeFlag is the flag of cmd that is spelt most like name; "" if none is.
func likeFlag(cmd *cobra.Command, name string) (best string) {
	least := 3 // edits that still are a slip
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := edits(name, f.Name); d < least && d < len(name) {
			best, least = f.Name, d
		}
	})
	return best
}

// edits is the number of bytes to insert, remove or replace that make b of a
// (Levenshtein distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// knownCommand is the check of lutra's own arguments, of which there are none:
// who gives some has misspelt a command, or forgotten it.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "lutra --help lists the commands"
	if _, err := os.Stat(args[0]); err == nil {
		hint = "this is a file: say what to do with it, as in lutra inspect " + args[0]
	} else if like := root.SuggestionsFor(args[0]); len(like) > 0 {
		hint = "did you mean " + strings.Join(like, " or ") + "?"
	}
	return usagef("unknown command %q (%s)", args[0], hint)
}
