package safe

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestWriteFileIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("error %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Fatalf("file now holds %q", b)
	}
	if err := WriteFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "new" {
		t.Fatalf("file now holds %q", b)
	}
	ents, _ := os.ReadDir(dir)
	if len(ents) != 1 {
		t.Fatalf("%d files left, want 1", len(ents))
	}
}

// TestWriteFileKeepsDevices does not put a file in the place of a device or folder.
func TestWriteFileKeepsDevices(t *testing.T) {
	for _, path := range []string{t.TempDir(), os.DevNull} {
		if runtime.GOOS == "windows" && path == os.DevNull {
			continue
		}
		err := WriteFile(path, func(io.Writer) error { t.Error("asked for bytes"); return errors.New("none") })
		if err == nil {
			t.Errorf("%s written", path)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().IsRegular() {
			t.Errorf("%s is now a file", path)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFile(dir, 10); err == nil {
		t.Error("a folder was read")
	}
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, make([]byte, 11), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path, 10); err == nil {
		t.Error("limit ignored")
	}
	if b, err := ReadFile(path, 11); err != nil || len(b) != 11 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestMul(t *testing.T) {
	if n, err := Mul(3, 4, 5); n != 60 || err != nil {
		t.Error(n, err)
	}
	for _, f := range [][]int{{-1}, {1 << 40, 1 << 40}, {1 << 62, 2}} {
		if _, err := Mul(f...); err == nil {
			t.Errorf("%v accepted", f)
		}
	}
}

func TestFormatErrorMessage(t *testing.T) {
	e := &FormatError{File: "a.onnx", Where: `node "conv1"`, Field: "strides", Expected: "2 values", Found: "3", Hint: "re-export"}
	if got, want := e.Error(), `a.onnx: node "conv1": strides: expected 2 values, found 3 (re-export)`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestJSONError(t *testing.T) {
	for text, want := range map[string]string{
		"":                "f: t: expected JSON, found the end of the text",
		`{"a":`:           "f: t: expected JSON, found the end of the text",
		"{a}":             "f: t: offset 2: expected JSON, found invalid character 'a' looking for beginning of object key string",
		"[]":              "f: t: expected an object, found array",
		`{"n":"x"}`:       "f: t: n: expected an integer, found string",
		`{"f":1e999}`:     "f: t: f: expected a number of float64, found number 1e999",
		`{"l":{}}`:        "f: t: l: expected a list, found object",
		`{"s":1}`:         "f: t: s: expected text, found number",
		`{"b":1}`:         "f: t: b: expected true or false, found number",
		`{"in":{"n":[]}}`: "f: t: in.n: expected an integer, found array",
	} {
		var v struct {
			N  int     `json:"n"`
			F  float64 `json:"f"`
			L  []int   `json:"l"`
			S  string  `json:"s"`
			B  bool    `json:"b"`
			In struct {
				N int `json:"n"`
			} `json:"in"`
		}
		if err := JSONError("f", "t", json.Unmarshal([]byte(text), &v)); err.Error() != want {
			t.Errorf("%s: %s", text, err)
		}
	}
	if err := JSONError("f", "t", errors.New("other")); err.Error() != "f: t: other" {
		t.Error(err)
	}
}

// TestWritable: what cannot be written is refused before any work, as WriteFile
// would refuse it after.
func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file, readOnly := filepath.Join(dir, "file"), filepath.Join(dir, "readonly")
	for path, perm := range map[string]os.FileMode{file: 0o644, readOnly: 0o444} {
		if err := os.WriteFile(path, []byte("old"), perm); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{file, filepath.Join(dir, "new")} {
		if err := Writable(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string]string{
		readOnly:                          "found a read-only file",
		dir:                               "found a folder",
		filepath.Join(dir, "none", "new"): "expected a folder to write it to",
		filepath.Join(file, "new"):        "expected a folder to write it to",
	} {
		if err := Writable(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if err := WriteFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if b, err := os.ReadFile(readOnly); err != nil || string(b) != "old" {
		t.Errorf("the read-only file holds %q, %v", b, err)
	}
}
