package onnx

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	"lutra/internal/onnx/onnxpb"
	"lutra/internal/safe"
)

// TestExternalEscapes refuses external data that is not plainly below the folder.
func TestExternalEscapes(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "model")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "sub"), 0o755),
		os.WriteFile(filepath.Join(top, "secret"), make([]byte, 8), 0o644),
		os.WriteFile(filepath.Join(dir, "sub", "data"), make([]byte, 12), 0o644),
		os.Symlink(filepath.Join(top, "secret"), filepath.Join(dir, "absolute-link")),
		os.Symlink("../secret", filepath.Join(dir, "relative-link")),
		os.Symlink("..", filepath.Join(dir, "folder-link")),
		os.Symlink("sub/data", filepath.Join(dir, "inner-link")),
	); err != nil {
		t.Skip(err) // no symbolic links here
	}
	for _, c := range []struct {
		location, offset, length string
		ok                       bool
	}{
		{"sub/data", "0", "8", true},
		{"./sub//data", "4", "8", true},
		{"sub/data", "4", "", true},
		{"inner-link", "", "8", true},
		{"", "", "", false},
		{"missing", "", "8", false},
		{"sub", "", "8", false},
		{".", "", "8", false},
		{filepath.Join(top, "secret"), "", "8", false},
		{"../secret", "", "8", false},
		{"sub/../../secret", "", "8", false},
		{"sub/../sub/data", "", "8", false},
		{`..\secret`, "", "8", false},
		{"C:secret", "", "8", false},
		{"sub/data\x00", "", "8", false},
		{"absolute-link", "", "8", false},
		{"relative-link", "", "8", false},
		{"folder-link/secret", "", "8", false},
		{"sub/data", "-4", "8", false},
		{"sub/data", "4", "-8", false},
		{"sub/data", "5", "8", false},
		{"sub/data", "5", "", false},
		{"sub/data", "99", "", false},
		{"sub/data", "9223372036854775807", "8", false},
		{"sub/data", "4", "9223372036854775807", false},
		{"sub/data", "4", "99999999999999999999", false},
		{"sub/data", "0x4", "8", false},
		{"sub/data", "0", "7", false},
	} {
		m := valid()
		w := m.Graph.Initializer[0]
		w.RawData, w.DataLocation = nil, 1
		for k, v := range map[string]string{"location": c.location, "offset": c.offset, "length": c.length} {
			if v != "" {
				w.ExternalData = append(w.ExternalData, &onnxpb.StringStringEntryProto{Key: k, Value: v})
			}
		}
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "m.onnx")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = ReadFile(path)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		if fe := (*safe.FormatError)(nil); err != nil && (!errors.As(err, &fe) || fe.File != path || fe.Where != `initializer "w"`) {
			t.Errorf("%+v: error %v does not name file and tensor", c, err)
		}
	}
}

// TestExternalOverAndOver bounds what a small model can ask of one file.
func TestExternalOverAndOver(t *testing.T) {
	dir := fstest.MapFS{"data": {Data: make([]byte, 1<<20), Mode: fs.FileMode(0o644)}}
	for n, ok := range map[int]bool{2: true, 3: false, 1000: false} {
		m := valid()
		m.Graph.Initializer = nil
		for i := range n {
			m.Graph.Initializer = append(m.Graph.Initializer, &onnxpb.TensorProto{
				Name: string(rune(0x4e00 + i)), DataType: 2, Dims: []int64{1 << 20}, DataLocation: 1,
				ExternalData: []*onnxpb.StringStringEntryProto{{Key: "location", Value: "data"}},
			})
		}
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Decode("m", b, dir); (err == nil) != ok {
			t.Errorf("%d times: %v", n, err)
		}
	}
}
