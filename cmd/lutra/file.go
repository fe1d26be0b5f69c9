package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func fileBytes(path string) (int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// checkOutput demands the name of an ONNX file in -o: any other name makes a
// file that no command opens.
func checkOutput(cmd *cobra.Command, path string) error {
	if !strings.EqualFold(filepath.Ext(path), ".onnx") {
		return usagef("%s: expected an output file that ends in .onnx (-o OUT.onnx), found %q", cmd.Name(), path)
	}
	return nil
}
