package emitc

import (
	"embed"
	"encoding/json"
	"strings"
)

//go:embed js
var loaders embed.FS

// script is what the templates of JavaScript read.
type script struct {
	Name, Lower, Tool      string
	Inputs, Outputs        []port
	Error                  bool
	InputsJSON, LabelsJSON string
}

// inputJSON tells the caller in JavaScript how to make levels: number x is
// level round((x - low) / step), limited to 0 and levels - 1; byte b of a
// channel, of pixels or features, is level bytes[channel][b].
type inputJSON struct {
	Name   string  `json:"name"`
	Shape  [3]int  `json:"shape"` // [H][W][C]
	Levels int     `json:"levels"`
	Low    float64 `json:"low"`
	Step   float64 `json:"step"`
	Bytes  [][]int `json:"bytes,omitempty"` // levels of the bytes of every channel, or of all channels
}

// bytesJSON is the levels of bytes, as numbers: JSON writes bytes as text.
func (w *wasmWriter) bytesJSON() (tables [][]int) {
	if w.o.Bytes == nil {
		return nil
	}
	for _, t := range w.byteTables() {
		var levels []int
		for _, v := range t {
			levels = append(levels, int(v))
		}
		tables = append(tables, levels)
	}
	return tables
}

// loader adds the loader, and the report.
func (w *wasmWriter) loader(lib *Library) error {
	s := script{Name: w.prefix, Lower: strings.ToLower(w.prefix), Tool: comment(w.o.Tool), Error: w.o.Error, LabelsJSON: "[]"}
	s.Inputs, s.Outputs = w.ports()
	var in []inputJSON
	for i, p := range s.Inputs {
		q := w.net.Tensors[w.net.Inputs[i].Tensor].Quantiser
		low, next := float64(q.Value(0)), float64(q.Value(1))
		in = append(in, inputJSON{w.net.Inputs[i].Name, [3]int{p.H, p.W, p.C}, p.Levels, low, next - low, w.bytesJSON()})
	}
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	s.InputsJSON = string(text)
	if len(w.o.Labels) > 0 {
		if text, err = json.Marshal(w.o.Labels); err != nil {
			return err
		}
		s.LabelsJSON = string(text)
	}
	for from, to := range map[string]string{"js/loader.js": w.prefix + ".js", "js/package.json": "package.json"} {
		if lib.Files[to], err = execute(loaders, from, s); err != nil {
			return err
		}
	}
	return lib.addReport()
}
