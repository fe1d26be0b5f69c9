package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lutra"
	"lutra/internal/data"
	"lutra/internal/onnx"
	"lutra/internal/report"
	"lutra/internal/safe"
)

func newRun() *cobra.Command {
	var f runFlags
	var d dataFlags
	var tensors []string
	var out string
	var top int
	var page reportFlag
	cmd := &cobra.Command{
		Use:   "run MODEL [IMAGE|DATA ...]",
		Short: "the best classes of images, or the outputs for raw tensors",
		Long: `Run prints the best classes of every image. With --tensor it feeds raw tensors
(TensorProto .pb or NumPy .npy files) to the named inputs instead, and with
--out it writes all outputs as .npy files into a folder. --report makes a
contact sheet of the images.`,
		Example: `  lutra run resnet18.onnx cat.jpg --preprocess imagenet
  lutra run net.onnx --tensor input=x.npy --out results/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || (len(args) == 1 && len(tensors) == 0) || (len(args) > 1 && len(tensors) > 0) {
				return usagef("run: expected a model and images, or a model and --tensor NAME=FILE (see lutra run --help)")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if top < 1 {
				return usagef("run: expected --top of at least 1")
			}
			if page.path != "" && len(tensors) > 0 {
				return usagef("run: --report is a contact sheet of images, not for --tensor")
			}
			if err := page.check(cmd); err != nil {
				return err
			}
			m, err := f.open(args[0])
			if err != nil {
				return err
			}
			if len(tensors) > 0 {
				return f.runTensors(cmd, m, tensors, out)
			}
			return f.runImages(cmd, m, &d, args[1:], top, &page)
		},
	}
	f.register(cmd)
	f.registerMode(cmd)
	page.register(cmd)
	d.register(cmd)
	cmd.Flags().StringArrayVar(&tensors, "tensor", nil, "NAME=FILE.pb or NAME=FILE.npy, an input; may be repeated")
	cmd.Flags().StringVar(&out, "out", "", "with --tensor: folder for the outputs, as .npy")
	cmd.Flags().IntVar(&top, "top", 5, "classes per image")
	return cmd
}

// runTensors runs m once on tensors read from files.
func (f *runFlags) runTensors(cmd *cobra.Command, m *lutra.Model, tensors []string, dir string) error {
	in := map[string]*lutra.Tensor{}
	for _, spec := range tensors {
		name, path, ok := strings.Cut(spec, "=")
		if !ok || in[name] != nil {
			return usagef("--tensor: expected NAME=FILE once for every input, found %q", spec)
		}
		t, err := readTensor(path)
		if err != nil {
			return err
		}
		in[name] = t
	}
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	out, err := s.Run(cmd.Context(), in)
	if err != nil {
		return err
	}
	type result struct {
		Name  string `json:"name"`
		DType string `json:"dtype"`
		Shape []int  `json:"shape"`
		File  string `json:"file,omitempty"`
	}
	var results []result
	for _, v := range m.Outputs() {
		t := out[v.Name]
		r := result{Name: v.Name, DType: t.DType.String(), Shape: t.Shape}
		if dir != "" {
			if r.File, err = writeOutput(dir, v.Name, t); err != nil {
				return err
			}
		}
		results = append(results, r)
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), map[string]any{"model": m.Path(), "outputs": results})
	}
	for _, r := range results {
		fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Name, r.DType, lutra.Shape(r.Shape), r.File)))
	}
	return nil
}

func readTensor(path string) (*lutra.Tensor, error) {
	b, err := safe.ReadFile(path, safe.MaxModelBytes)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npy":
		return data.DecodeNPY(path, b)
	case ".pb":
		_, t, err := onnx.DecodeTensor(path, b)
		return t, err
	}
	return nil, &lutra.FormatError{File: path, Expected: "a tensor file (.npy, .pb)", Found: fmt.Sprintf("extension %q", filepath.Ext(path))}
}

// writeOutput writes t to dir/NAME.npy. Output names may hold any characters:
// those that a file name should not have become "_".
func writeOutput(dir, name string, t *lutra.Tensor) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, name)
	path := filepath.Join(dir, strings.TrimLeft(clean, ".")+".npy")
	return path, safe.WriteFile(path, func(w io.Writer) error { return data.EncodeNPY(w, t) })
}

// predictions are the best classes of the images of a set.
type predictions struct {
	set   *lutra.DataSet
	Image []prediction
}

type prediction struct {
	Image string  `json:"image"`
	Best  []class `json:"best"`
}

type class struct {
	Class int     `json:"class"`
	Label string  `json:"label,omitempty"`
	Score float32 `json:"score"`
}

// runImages prints the best classes of every image of the given sets.
func (f *runFlags) runImages(cmd *cobra.Command, m *lutra.Model, d *dataFlags, paths []string, top int, page *reportFlag) error {
	var sets []predictions
	for _, path := range paths {
		set, err := d.set(path)
		if err != nil {
			return err
		}
		sets = append(sets, predictions{set: set})
	}
	p, err := d.preprocess(m)
	if err != nil {
		return err
	}
	labels, err := readClasses(m, d.classes)
	if err != nil {
		return err
	}
	all := []prediction{}
	for i := range sets {
		r := &sets[i]
		err = m.Predictions(cmd.Context(), r.set, p, lutra.EvalOptions{}, func(i int, scores []float32) error {
			x := prediction{Image: r.set.Name(i)}
			for _, c := range lutra.Best(scores, top) {
				x.Best = append(x.Best, class{Class: c, Score: scores[c], Label: labelOf(labels, c)})
			}
			r.Image = append(r.Image, x)
			return nil
		})
		if err != nil {
			return err
		}
		all = append(all, r.Image...)
	}
	if err := page.write(cmd, func() (*report.Page, error) { return contactSheet(m, sets, p) }); err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), map[string]any{"model": m.Path(), "predictions": all})
	}
	rows := [][]string{{"image", "class", "score", "label"}}
	for _, r := range all {
		image := r.Image
		for _, c := range r.Best {
			rows = append(rows, []string{image, fmt.Sprint(c.Class), fmt.Sprintf("%.4f", c.Score), c.Label})
			image = ""
		}
	}
	return printTable(cmd.OutOrStdout(), rows)
}

func labelOf(labels []string, c int) string {
	if c < len(labels) {
		return labels[c]
	}
	return ""
}
