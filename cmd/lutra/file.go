package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lutra/internal/safe"
)

func fileBytes(path string) (int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// checkOutput demands a file to write in -o, before any work: the name of an ONNX
// file, since any other makes one that no command opens, and none of the models
// that are read, which would be lost.
func checkOutput(cmd *cobra.Command, path string, models ...string) error {
	if path == "" {
		return usagef("%s: expected an output file (-o OUT.onnx)", cmd.Name())
	}
	if !strings.EqualFold(filepath.Ext(path), ".onnx") {
		return usagef("%s: expected an output file that ends in .onnx (-o OUT.onnx), found %q", cmd.Name(), path)
	}
	for _, model := range models {
		if sameFile(path, model) {
			return usagef("%s: expected another file than %s, which is read (-o OUT.onnx)", cmd.Name(), model)
		}
	}
	return safe.Writable(path)
}

// sameFile says whether two names lead to one file.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// unless waits for work that knows no interruption and leaves nothing behind,
// or for the end of ctx: then the process is about to end, and the work with it.
func unless[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := work()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		if err := ctx.Err(); err != nil {
			return r.value, err
		}
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
