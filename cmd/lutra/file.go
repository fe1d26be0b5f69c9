package main

import (
	"fmt"
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
	return checkFolder(path)
}

// checkFolder demands that the folder of a file to write is there, before work
// that would be lost.
func checkFolder(path string) error {
	if st, err := os.Stat(filepath.Dir(path)); err != nil || !st.IsDir() {
		return fmt.Errorf("%s: expected a folder to write it to", path)
	}
	return nil
}
