// Package safe holds what every reader and writer of files shares: one error
// type that says where a file is wrong, limits, bounded reading and atomic writing.
//
// The order every loader follows is: length <= bytes that remain, then checked
// multiplication, then the limit, then allocation.
package safe

import "strings"

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
