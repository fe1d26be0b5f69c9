package compress

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/safe"
)

// checkpoint is a folder with one file for every finished layer,
// layer-0000.json and so on: the SHA-256 of the rest in hexadecimal, a line
// feed, and a JSON record. A nil checkpoint keeps nothing.
type checkpoint struct {
	dir         string
	fingerprint string
}

// finished is what is known of a layer when it has been quantised.
type finished struct {
	codebook    *graph.Codebook
	WeightError float64       `json:"weight_error"`
	OutputError float64       `json:"output_error"`
	Iterations  int           `json:"iterations"`
	Exact       bool          `json:"exact"`
	Gain        []float64     `json:"gain"`               // of the outputs: weight = gain * decoded codebook
	Measured    *channelStats `json:"measured,omitempty"` // of its outputs, before the correction
	Target      *channelStats `json:"target,omitempty"`   // of the float network's
}

// record is the JSON of a checkpoint file.
type record struct {
	Fingerprint string  `json:"fingerprint"` // of model, data and options
	Layer       string  `json:"layer"`
	K           int     `json:"k"`
	D           int     `json:"d"`
	Codes       []byte  `json:"codes"`           // uint16, little endian
	Words       []byte  `json:"words"`           // float32, little endian
	Float32     bool    `json:"float32"`         // codewords are stored so
	Scale       float32 `json:"scale,omitempty"` // of codewords stored as int8
	finished
}

func openCheckpoint(dir, fingerprint string) (*checkpoint, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return &checkpoint{dir, fingerprint}, nil
}

// RemoveCheckpoint deletes the files that Run keeps in a checkpoint folder, and
// the folder if nothing else is in it. A folder that does not exist is no error.
func RemoveCheckpoint(dir string) error {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	left := len(entries)
	for _, e := range entries {
		ours, _ := filepath.Match("layer-[0-9][0-9][0-9][0-9]*.json", e.Name())
		cut, _ := filepath.Match(".layer-*.tmp", e.Name()) // a killed run was writing it
		if ours || cut {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			left--
		}
	}
	if left > 0 {
		return nil
	}
	if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // another process was faster
}

func (c *checkpoint) path(i int) string {
	return filepath.Join(c.dir, fmt.Sprintf("layer-%04d.json", i))
}

// save stores layer i, completely or not at all.
func (c *checkpoint) save(i int, l *layer, f *finished) error {
	if c == nil {
		return nil
	}
	b := f.codebook
	r := record{
		Fingerprint: c.fingerprint, Layer: l.name, K: b.K, D: b.D,
		Float32: precision(b) == Float32Words, Scale: b.Scale, finished: *f,
	}
	for _, v := range b.Codes {
		r.Codes = binary.LittleEndian.AppendUint16(r.Codes, v)
	}
	for _, v := range b.FloatWords() {
		r.Words = binary.LittleEndian.AppendUint32(r.Words, math.Float32bits(v))
	}
	text, err := json.Marshal(&r)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	return safe.WriteFile(c.path(i), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%x\n%s", sum, text)
		return err
	})
}

// startAnew is the hint of every error about a checkpoint.
const startAnew = "remove the checkpoint folder, or name another one, to start anew"

// load reads layer i. It is nil, without an error, if the file does not exist;
// a file that is damaged, or belongs to another model, data set or options, is
// an error.
func (c *checkpoint) load(i int, l *layer) (*finished, error) {
	if c == nil {
		return nil, nil
	}
	path := c.path(i)
	limit := 64<<20 + 16*int64(l.weights())
	text, err := safe.ReadFile(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bad := func(field, expected, found string) error {
		return &safe.FormatError{File: path, Field: field, Expected: expected, Found: found, Hint: startAnew}
	}
	head, body, _ := bytes.Cut(text, []byte("\n"))
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != string(head) {
		return nil, bad("checksum", hex.EncodeToString(sum[:]), fmt.Sprintf("%.64q", head))
	}
	var r record
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, safe.JSONError(path, "record", err)
	}
	if r.Fingerprint != c.fingerprint {
		return nil, bad("fingerprint", "that of this model, data and options", r.Fingerprint)
	}
	if field, want, got := r.fault(l); field != "" {
		return nil, bad(field, want, got)
	}
	s := &clusters{words: make([]float32, r.K*r.D), scale: r.Scale, codes: make([]uint16, len(r.Codes)/2)}
	for i := range s.words {
		s.words[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.Words[4*i:]))
	}
	for i := range s.codes {
		s.codes[i] = binary.LittleEndian.Uint16(r.Codes[2*i:])
	}
	form := Float16Words
	if r.Float32 {
		form = Float32Words
	}
	r.codebook = l.codebook(s, form)
	if err := r.codebook.Check(); err != nil {
		return nil, &safe.FormatError{File: path, Err: err, Hint: startAnew}
	}
	return &r.finished, nil
}

// fault finds what of r does not fit the layer l: the field, "" if there is
// nothing, what was expected and what was found.
func (r *record) fault(l *layer) (field, want, got string) {
	numbers := func(name string, want, got int) (string, string, string) {
		return name, fmt.Sprint(want), fmt.Sprint(got)
	}
	switch {
	case r.Layer != l.name:
		return "layer", fmt.Sprintf("%q", l.name), fmt.Sprintf("%q", r.Layer)
	case r.D != l.d:
		return numbers("d", l.d, r.D)
	case r.K < 1 || r.K > l.k:
		return "k", fmt.Sprintf("1 to %d", l.k), fmt.Sprint(r.K)
	case len(r.Words) != 4*r.K*r.D:
		return numbers("bytes of words", 4*r.K*r.D, len(r.Words))
	case len(r.Codes) != 2*l.weights()/l.d:
		return numbers("bytes of codes", 2*l.weights()/l.d, len(r.Codes))
	case len(r.Gain) != l.outputs:
		return numbers("gains", l.outputs, len(r.Gain))
	}
	for _, s := range []*channelStats{r.Measured, r.Target} {
		if s != nil && (s.N < 1 || len(s.Sum) != l.outputs || len(s.Sq) != l.outputs) {
			return "statistics", fmt.Sprintf("sums of %d channels", l.outputs), fmt.Sprintf("%d and %d", len(s.Sum), len(s.Sq))
		}
	}
	return "", "", ""
}

// fingerprint identifies everything the result depends on.
func (j *job) fingerprint(ctx context.Context, calibration string) (string, error) {
	h := sha256.New()
	options, err := json.Marshal(j.o)
	if err != nil {
		panic(err) // Options holds nothing that JSON cannot
	}
	fmt.Fprintf(h, "lutra checkpoint 3\n%s\nlevel %v\n%s\n", options, j.o.level(), calibration)
	for _, n := range j.net.nodes {
		writeNode(h, n)
	}
	for _, name := range slices.Sorted(maps.Keys(j.net.consts)) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		t := j.net.consts[name]
		fmt.Fprintf(h, "%q %v %v\n", name, t.DType, t.Shape)
		h.Write(t.LittleEndian())
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func writeNode(h io.Writer, n *graph.Node) {
	fmt.Fprintf(h, "%q %q %q %q\n", n.Domain, n.Op, n.Inputs, n.Outputs)
	for _, a := range n.Attrs {
		fmt.Fprintf(h, "%q %d %d %x %q %v %x %q %x\n", a.Name, a.Kind, a.Int, math.Float32bits(a.Float), a.Str, a.Ints, a.Floats, a.Strs, a.Raw)
		if a.Tensor != nil {
			fmt.Fprintf(h, "%v %v %x\n", a.Tensor.DType, a.Tensor.Shape, a.Tensor.LittleEndian())
		}
	}
}
