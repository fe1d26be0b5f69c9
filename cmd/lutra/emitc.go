package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/safe"
)

// targetNames are what emit-c writes.
func targetNames() []string { return []string{"c", "wasm"} }

func newEmitC() *cobra.Command {
	var f runFlags
	var d dataFlags
	var o lutra.EmitOptions
	var out string
	cmd := &cobra.Command{
		Use:   "emit-c MODEL -o FOLDER",
		Short: "write a network of lookup tables as C without multiplication",
		Long: `Emit-c writes a C99 library of a network whose activations and weights are
quantised (see docs/lut.md): look-ups, additions and shifts, no floating point,
no C library, no allocation. The folder gets the sources, a self-test with inputs
and checksums from lutra's engine, an example, build files for CMake, Arduino,
PlatformIO and Zephyr, and a JSON report of memory and look-ups per layer.

Where the preprocessing is known (the model carries it, or --preprocess and the
like) the library takes bytes, of pixels or features, by a table; of images that
have their final size. With --preprocess speech it takes samples of sound.

With --target wasm the folder gets a WebAssembly module instead, a loader in
JavaScript for browsers and Node, and the report. No compiler is needed.

Products are rounded to 16 bits, or 8 with --narrow, to keep tables small: the
library gives the numbers of --mode lut16 (without --narrow). Those of --mode lut
are exact: its scores, and a class here and there, differ.

A network with operators that have no form in C is refused, with some nodes of
each of them, and nothing is written.`,
		Example: `  lutra emit-c digits.onnx -o digits/
  lutra emit-c digits.onnx -o digits/ --name kws --vectors 100 --json
  lutra emit-c words.onnx -o words/ --preprocess speech --rate 16000 --stream
  lutra emit-c digits.onnx -o web/ --target wasm`,
		Args: exactArgs(1, "one model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("emit-c: expected a folder to write to (-o FOLDER)")
			}
			if o.Vectors < 0 || o.Vectors > 10000 {
				return usagef("--vectors: expected 0 to 10000, found %d", o.Vectors)
			}
			if !slices.Contains(targetNames(), o.Target) {
				return usagef("--target: expected %s, found %q", strings.Join(targetNames(), " or "), o.Target)
			}
			if st, err := os.Stat(out); err == nil && !st.IsDir() {
				return fmt.Errorf("%s: expected a folder to write to, found a file", out)
			}
			m, err := unless(cmd.Context(), func() (*lutra.Model, error) { return f.open(args[0]) })
			if err != nil {
				return err
			}
			if o.Preprocess, err = d.preprocessOf(m); err != nil {
				return err
			}
			lib, err := unless(cmd.Context(), func() (*lutra.CLibrary, error) { return m.EmitC(o) })
			if err != nil {
				return err
			}
			if err := writeLibrary(out, lib); err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), lib.Report)
			}
			return printLibrary(cmd, out, lib)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "folder to write to; other files in it are left alone")
	cmd.Flags().StringVar(&o.Target, "target", "c", "what to write: c or wasm")
	cmd.Flags().StringVar(&o.Name, "name", "", "prefix of all names, a C identifier (default: made of the network's name)")
	cmd.Flags().BoolVar(&o.Narrow, "narrow", false, "products of 8 bits of single weights (not pairs) where sums suffer little")
	cmd.Flags().IntVar(&o.Vectors, "vectors", 10, "random inputs of the self-test (c)")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of these inputs")
	cmd.Flags().IntVar(&o.Rate, "rate", 8000, "samples a second of sound, 8000 or 16000")
	cmd.Flags().BoolVar(&o.Stream, "stream", false, "add functions for input that does not end, row by row of the network's input")
	cmd.Flags().Float64Var(&o.Int16, "int16", 0, "take samples of 16 bits that count in this unit, as 3.0517578125e-05 (1/32768) for sound from -1 to 1")
	cmd.Flags().BoolVar(&o.Error, "error", false, "add the error of an auto-encoder whose output is levels: a sum of squares, large where the input is an anomaly")
	f.register(cmd)
	d.registerPreprocess(cmd)
	return cmd
}

// writeLibrary writes the files of lib, all or none.
func writeLibrary(dir string, lib *lutra.CLibrary) error {
	names := slices.Sorted(maps.Keys(lib.Files))
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(paths[i]), 0o755); err != nil {
			return err
		}
	}
	return safe.WriteAll(paths, func(i int, w io.Writer) error {
		_, err := w.Write(lib.Files[names[i]])
		return err
	})
}

func printLibrary(cmd *cobra.Command, dir string, lib *lutra.CLibrary) error {
	rows := [][]string{{"layer", "kind", "MACs", "look-ups", "constants", "result"}}
	for _, l := range lib.Report.Layers {
		rows = append(rows, []string{l.Name, l.Kind, fmt.Sprint(l.MACs), fmt.Sprint(l.Lookups), fmt.Sprint(l.Flash), fmt.Sprint(l.RAM)})
	}
	w := cmd.OutOrStdout()
	if err := printTable(w, rows); err != nil {
		return err
	}
	r := lib.Report
	main, what := lib.Name+".h", "constants"
	if lib.Files[main] == nil {
		main, what = lib.Name+".wasm", "code and constants"
	}
	_, err := fmt.Fprintf(w, "\n%s: %d files, %d bytes of %s, %d bytes of RAM, %d look-ups for %d multiplications\n",
		filepath.Join(dir, main), len(lib.Files), r.Flash, what, r.RAM, r.Lookups, r.MACs)
	return err
}
