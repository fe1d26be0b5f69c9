// Package onnx reads and writes ONNX files: the bytes of a ModelProto on one
// side, a graph.Graph on the other.
//
// Reading accepts IR versions 3 to 13 and the opset range of package graph.
// What a file says and lutra does not interpret (unknown fields, sub-graph
// attributes, training information) is kept as wire bytes and written back;
// unknown fields of types, opset imports and metadata entries alone are
// dropped. Errors are of type *safe.FormatError.
package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"lutra/internal/graph"
	"lutra/internal/safe"
)

// The IR versions (ModelProto.ir_version) that are read.
const (
	minIR = 3  // opset imports
	maxIR = 13 // the newest at the time of writing
)

// ReadFile reads the model at path, of at most safe.MaxModelBytes, and its
// external data, which must lie below the folder of path.
func ReadFile(path string) (*graph.Graph, error) {
	b, err := safe.ReadFile(path, safe.MaxModelBytes)
	if err != nil {
		return nil, fileError(path, err)
	}
	return Decode(path, b, folder(filepath.Dir(path)))
}

// WriteFile makes path hold the model g, complete or not at all. External data
// is folded in: the result is one file of at most safe.MaxModelBytes.
func WriteFile(path string, g *graph.Graph) error {
	b, err := Encode(g)
	if err != nil {
		return fileError(path, err)
	}
	err = safe.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	return fileError(path, err)
}

// fileError makes any error a FormatError about the file at path. Errors of
// the operating system lose the path that they repeat.
func fileError(path string, err error) error {
	if err == nil {
		return nil
	}
	if fe, ok := errors.AsType[*safe.FormatError](err); ok {
		if fe.File == "" {
			fe.File = path
		}
		return fe
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return &safe.FormatError{File: path, Err: err}
}

// source is what errors found while decoding have in common: the file's name.
type source string

func (s source) errorf(where, field, expected, found string) error {
	return &safe.FormatError{File: string(s), Where: where, Field: field, Expected: expected, Found: found}
}

// names refuses names longer than safe.MaxNameBytes.
func (s source) names(where, field string, names ...string) error {
	for _, n := range names {
		if len(n) > safe.MaxNameBytes {
			return s.errorf(where, field, fmt.Sprintf("at most %d bytes", safe.MaxNameBytes),
				fmt.Sprintf("%d bytes, %q...", len(n), n[:32]))
		}
	}
	return nil
}
