package torch

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"

	"lutra/internal/tensor"
)

// golden is a row of testdata/tensors.json, written by testdata/make.py.
type golden struct {
	DType  string
	Shape  tensor.Shape
	Values []json.Number
}

func readGolden(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func entryOf[T Value](t *testing.T, d *Dict, key Value) T {
	t.Helper()
	v, ok := d.Get(key)
	got, typed := v.(T)
	if !ok || !typed {
		t.Fatalf("entry %v is %T", key, v)
	}
	return got
}

// TestTensors compares all element types and views of both containers with torch.
func TestTensors(t *testing.T) {
	var want map[string]golden
	readGolden(t, "testdata/tensors.json", &want)
	for _, file := range []string{"tensors.zip.pth", "tensors.legacy.pth", "tensors.proto4.pth"} {
		obj, err := ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		tensors := entryOf[*Dict](t, obj.Root.(*Dict), "tensors")
		if tensors.Len() != len(want)+2 {
			t.Errorf("%s: %d tensors, want %d", file, tensors.Len(), len(want)+2)
		}
		for name, w := range want {
			got := entryOf[*tensor.Tensor](t, tensors, name)
			if got.DType.String() != w.DType || !got.Shape.Equal(w.Shape) {
				t.Errorf("%s: %s is %v %v, want %s %v", file, name, got.DType, got.Shape, w.DType, w.Shape)
				continue
			}
			checkValues(t, file+" "+name, got, w.Values)
		}
		half, wide := entryOf[*tensor.Tensor](t, tensors, "subnormal halves"), entryOf[*tensor.Tensor](t, tensors, "subnormal halves as float32")
		if half.Elems() != 2048 || !bytes.Equal(half.AsFloat32().Bytes(), wide.Bytes()) {
			t.Errorf("%s: subnormal halves differ from torch's float32", file)
		}
	}
}

func checkValues(t *testing.T, name string, got *tensor.Tensor, want []json.Number) {
	t.Helper()
	if got.DType == tensor.Int64 {
		for i, w := range want {
			if n, err := w.Int64(); err != nil || got.Int64s()[i] != n {
				t.Errorf("%s[%d] = %d, want %s", name, i, got.Int64s()[i], w)
			}
		}
		return
	}
	for i, w := range want {
		f, err := w.Float64()
		if err != nil {
			t.Fatal(err)
		}
		if got.DType == tensor.Float64 {
			if g := tensor.Slice[float64](got)[i]; g != f {
				t.Errorf("%s[%d] = %g, want %g", name, i, g, f)
			}
		} else if g := got.AsFloat32().Float32s()[i]; float64(g) != float64(float32(f)) {
			t.Errorf("%s[%d] = %g, want %g", name, i, g, f)
		}
	}
}

// TestValues compares plain Python values with what make.py wrote.
func TestValues(t *testing.T) {
	want := map[string]Value{
		"list": &List{Items: []Value{
			int64(1), int64(-2), int64(255), int64(256), int64(65536), int64(-1 << 31), int64(1 << 40), int64(-1 << 63),
			0.5, true, false, nil, "naïve", []byte{0, 255},
		}},
		"tuple": Tuple{int64(1), Tuple{int64(2), int64(3)}, Tuple{}, Tuple{"a", "b", "c", "d"}},
		"size":  Tuple{int64(4), int64(5)},
		"numpy": &List{Items: []Value{1.25, 0.5, int64(-7), true}},
	}
	for _, c := range []struct {
		file      string
		container Container
	}{{"tensors.zip.pth", Zip}, {"tensors.legacy.pth", Legacy}, {"tensors.proto4.pth", Zip}} {
		obj, err := ReadFile("testdata/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		root := obj.Root.(*Dict)
		for key, w := range want {
			got, _ := root.Get(key)
			if !reflect.DeepEqual(got, w) {
				t.Errorf("%s: %s is %v, want %v", c.file, key, got, w)
			}
		}
		if obj.Container != c.container {
			t.Errorf("%s: container %s", c.file, obj.Container)
		}
		if want := []Value{"tensors", "list", "tuple", "size", "numpy", "dict", "shared"}; !slices.Equal(root.Keys(), want) {
			t.Errorf("%s: keys %v", c.file, root.Keys())
		}
		if entryOf[string](t, entryOf[*Dict](t, root, "dict"), int64(1)) != "one" {
			t.Errorf("%s: integer key", c.file)
		}
		if entryOf[*Dict](t, root, "shared") != entryOf[*Dict](t, root, "tensors") {
			t.Errorf("%s: a shared object was copied", c.file)
		}
	}
}

// TestViewsShareStorage: "whole", "row" and "slice" view one storage; what is
// contiguous is not copied.
func TestViewsShareStorage(t *testing.T) {
	obj, err := ReadFile("testdata/tensors.legacy.pth")
	if err != nil {
		t.Fatal(err)
	}
	tensors := entryOf[*Dict](t, obj.Root.(*Dict), "tensors")
	whole, row := entryOf[*tensor.Tensor](t, tensors, "whole"), entryOf[*tensor.Tensor](t, tensors, "row")
	slice := entryOf[*tensor.Tensor](t, tensors, "slice")
	whole.Float32s()[(1*3+2)*4+1] = 99
	if row.Float32s()[1] != 99 {
		t.Error("a contiguous view was copied")
	}
	if slice.Float32s()[4] == 99 {
		t.Error("a strided view is not a copy")
	}
}
