package safe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// JSONError turns an error of encoding/json into one that says where the text
// is wrong and what was expected there, in words of JSON. file and where, the
// name of the text, are for the message.
func JSONError(file, where string, err error) error {
	e := &FormatError{File: file, Where: where}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), err.Error() == "unexpected end of JSON input":
		e.Expected, e.Found = "JSON", "the end of the text"
	case errors.As(err, &syntax):
		e.Field, e.Expected, e.Found = fmt.Sprintf("offset %d", syntax.Offset), "JSON", err.Error()
	case errors.As(err, &kind):
		e.Field, e.Expected, e.Found = kind.Field, jsonKind(kind.Type.Kind()), kind.Value
	default:
		e.Err = err
	}
	return e
}

// jsonKind is what a Go value of kind k is in JSON.
func jsonKind(k reflect.Kind) string {
	switch k {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number of " + k.String()
	}
	return "an integer"
}
