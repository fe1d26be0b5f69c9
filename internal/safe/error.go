// Package safe holds what every reader and writer of files shares: one error
// type that says where a file is wrong, limits, bounded reading and atomic writing.
//
// The order every loader follows is: length <= bytes that remain, then checked
// multiplication, then the limit, then allocation.
package safe

import (
	"fmt"
	"strings"
)

// FormatError says what is wrong in a file and where. Empty fields are left
// out of the message, which reads
//
//	file: where: field: expected X, found Y (hint)
type FormatError struct {
	File     string // path as the user gave it
	Where    string // byte offset ("offset 1234"), node or tensor name
	Field    string // the field or property concerned
	Expected string
	Found    string
	Hint     string // what the user can do about it
	Err      error  // the cause, if there is one
}

func (e *FormatError) Error() string {
	var parts []string
	for _, s := range []string{e.File, e.Where, e.Field} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	var what string
	switch {
	case e.Expected != "" && e.Found != "":
		what = "expected " + e.Expected + ", found " + e.Found
	case e.Expected != "":
		what = "expected " + e.Expected
	default:
		what = e.Found
	}
	if e.Err != nil {
		if what != "" {
			what += ": "
		}
		what += e.Err.Error()
	}
	if what != "" {
		parts = append(parts, what)
	}
	msg := strings.Join(parts, ": ")
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	return msg
}

func (e *FormatError) Unwrap() error { return e.Err }

// OptionError says that a caller asked for what there is not: an option out of
// its range, a name that is not known. Nothing has been read or done.
type OptionError struct{ text string }

// Optionf makes an OptionError, whose text reads "option value: expected X".
func Optionf(format string, args ...any) error {
	return &OptionError{fmt.Sprintf(format, args...)}
}

func (e *OptionError) Error() string { return e.text }
