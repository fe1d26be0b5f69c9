package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// tree writes files below a temporary folder. Names ending in / become folders.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func idxBytes(dims []int, data []byte) string {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return string(append(b, data...))
}

func gz(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.String()
}

func tarGz(names []string, content string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range names {
		w.WriteHeader(&tar.Header{Name: n, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o644})
		w.Write([]byte(content))
	}
	w.Close()
	return gz(b.String())
}

// opened describes a set in a line: names with labels, and the classes.
func opened(s *Set) string {
	var parts []string
	for i := range s.Len() {
		parts = append(parts, fmt.Sprintf("%s=%d", filepath.ToSlash(s.Name(i)), s.Label(i)))
	}
	return strings.Join(parts, " ") + " | " + strings.Join(s.Classes(), ",")
}

const synset = "n00000001 first, one\nn00000002 second\n"

func TestOpen(t *testing.T) {
	pic, grey := string(fixture(t, "rgb.png")), idxBytes([]int{2, 1, 3}, []byte{1, 2, 3, 4, 5, 6})
	raw := strings.Repeat("\x10\x20\x30", 4)
	for name, c := range map[string]struct {
		files map[string]string
		open  string
		o     Options
		want  string
	}{
		"one image":       {map[string]string{"a.png": pic}, "a.png", Options{}, "a.png=-1 | "},
		"flat":            {map[string]string{"b.png": pic, "a.PNG": pic, "c.txt": "", ".d.png": ""}, "", Options{}, "a.PNG=-1 b.png=-1 | "},
		"flat by wnid":    {map[string]string{"x/n00000002_b.png": pic, "x/n00000001_c.png": pic, "l.txt": synset}, "x", Options{Classes: "l.txt"}, "n00000001_c.png=0 n00000002_b.png=1 | first, one,second"},
		"plain list":      {map[string]string{"x/a.png": pic, "l.txt": "cat\r\ndog\r\n"}, "x", Options{Classes: "l.txt"}, "a.png=-1 | cat,dog"},
		"class folders":   {map[string]string{"dog/2.png": pic, "cat/1.png": pic, "dog/1.png": pic, "emu/": ""}, "", Options{}, "cat/1.png=0 dog/1.png=1 dog/2.png=1 | cat,dog,emu"},
		"folders by wnid": {map[string]string{"x/n00000002/1.png": pic, "l.txt": synset}, "x", Options{Classes: "l.txt"}, "n00000002/1.png=1 | first, one,second"},
		"folders by name": {map[string]string{"x/dog/1.png": pic, "l.txt": "cat\ndog"}, "x", Options{Classes: "l.txt"}, "dog/1.png=1 | cat,dog"},
		"header":          {map[string]string{"labels.csv": "author,class_index,File\n\"x, y\",7,a.png\n,3,b.png\n", "images/a.png": pic, "b.png": pic, "other.csv": ""}, "", Options{}, "images/a.png=7 b.png=3 | "},
		"two columns":     {map[string]string{"y.csv": "\ufeffa.png, 1\nb.bin,0", "a.png": pic, "b.bin": raw}, "y.csv", Options{}, "a.png=1 b.bin=0 | "},
		"three columns":   {map[string]string{"y.csv": "b.bin,10,9\n", "b.bin": raw}, "", Options{}, "b.bin=9 | "},
		"idx":             {map[string]string{"t10k-images-idx3-ubyte": grey, "t10k-labels-idx1-ubyte": idxBytes([]int{2}, []byte{4, 0})}, "", Options{}, "#0=4 #1=0 | "},
		"idx gz, split": {map[string]string{"t10k-images-idx3-ubyte.gz": gz(grey), "train-images-idx3-ubyte.gz": gz(grey), "train-labels-idx1-ubyte": idxBytes([]int{2}, []byte{1, 2})},
			"", Options{Split: "train"}, "#0=1 #1=2 | "},
		"idx without labels": {map[string]string{"a-idx3-ubyte": grey}, "a-idx3-ubyte", Options{}, "#0=-1 #1=-1 | "},
		"archive": {map[string]string{"c.tar.gz": tarGz([]string{"x/README.md", "x/test/dog/1.png", "x/test/cat/2.png", "x/train/cat/1.png", "x/test/cat/1.png"}, pic)},
			"c.tar.gz", Options{}, "x/test/cat/1.png=0 x/test/cat/2.png=0 x/test/dog/1.png=1 | cat,dog"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, c.files)
			if c.o.Classes != "" {
				c.o.Classes = filepath.Join(dir, c.o.Classes)
			}
			s, err := Open(filepath.Join(dir, c.open), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(opened(s), filepath.ToSlash(dir)+"/", ""); got != c.want {
				t.Errorf("opened %s\nwant   %s", got, c.want)
			}
			if labelled := !strings.Contains(c.want, "=-1"); s.Labelled() != labelled {
				t.Errorf("labelled %v, want %v", s.Labelled(), labelled)
			}
			for i := range s.Len() {
				if _, err := s.Image(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	pic := string(fixture(t, "rgb.png"))
	table := func(text string) map[string]string { return map[string]string{"labels.csv": text, "a.png": pic} }
	images := idxBytes([]int{2, 1, 1}, []byte{1, 2})
	for name, c := range map[string]struct {
		files map[string]string
		open  string
		o     Options
		want  string
	}{
		"missing":             {nil, "nothing", Options{}, "no such file"},
		"empty folder":        {nil, "", Options{}, "a folder without any of these"},
		"unknown kind":        {map[string]string{"a.mp3": "RIFF"}, "a.mp3", Options{}, "unknown kind of file"},
		"split":               {map[string]string{"a.png": pic}, "", Options{Split: "dev"}, "expected one of test, train"},
		"one class folder":    {map[string]string{"cat/a.png": pic}, "", Options{}, "at least two class folders"},
		"empty class folders": {map[string]string{"cat/": "", "dog/": ""}, "", Options{}, "expected images, found none"},
		"two tables":          {map[string]string{"a.csv": "", "b.csv": ""}, "", Options{}, "labels.csv or one table"},
		"empty table":         {table(""), "", Options{}, "lines of file and label"},
		"header only":         {table("file,label\n"), "", Options{}, "lines of file and label"},
		"one column":          {table("a.png\n"), "", Options{}, "line 1: expected a header"},
		"label not a number":  {table("file,label\na.png,cat\n"), "", Options{}, `line 2: expected a class index from 0 to 1048575, found "cat"`},
		"label negative":      {table("a.png,-1\n"), "", Options{}, "line 1: expected a class index"},
		"label of 1e30":       {table("a.png,1000000000000000000000000000000\n"), "", Options{}, "line 1: expected a class index"},
		"label beyond":        {table("a.png,10,10\n"), "", Options{}, "class index from 0 to 9"},
		"classes":             {table("a.png,ten,1\n"), "", Options{}, "number of classes"},
		"ragged":              {table("file,label\na.png,1\na.png\n"), "", Options{}, "wrong number of fields"},
		"bare quote":          {table("file,label\na\".png,1\n"), "", Options{}, "bare"},
		"no such image":       {table("file,label\na.png,1\nb.png,1\n"), "", Options{}, `line 3: file: "b.png": expected a file in the folder of the table`},
		"empty file name":     {table("file,label\n,1\n"), "", Options{}, "empty field"},
		"path outside":        {table("../a.png,1\n"), "", Options{}, "below the folder of the table"},
		"absolute path":       {table("/etc/a.png,1\n"), "", Options{}, "below the folder of the table"},
		"file of other kind":  {table("labels.csv,1\n"), "", Options{}, "expected a .png"},
		"more than classes":   {map[string]string{"labels.csv": "a.png,5\n", "a.png": pic, "l.txt": "cat\ndog"}, "labels.csv", Options{Classes: "l.txt"}, "label: expected 0 to 1, found 5"},
		"unknown wnid":        {map[string]string{"x/n99999999_a.png": pic, "l.txt": synset}, "x", Options{Classes: "l.txt"}, "expected wnid_name"},
		"unknown folder":      {map[string]string{"x/emu/a.png": pic, "l.txt": "cat\ndog"}, "x", Options{Classes: "l.txt"}, "a folder named by a class"},
		"empty classes":       {map[string]string{"a.png": pic, "l.txt": "\n"}, "a.png", Options{Classes: "l.txt"}, "one class a line"},
		"gap in classes":      {map[string]string{"a.png": pic, "l.txt": "a\n\nb"}, "a.png", Options{Classes: "l.txt"}, "line 2"},
		"wnid twice":          {map[string]string{"a.png": pic, "l.txt": "n00000001 a\nn00000001 b"}, "a.png", Options{Classes: "l.txt"}, "every wnid once"},
		"classes not text":    {map[string]string{"a.png": pic, "l.txt": "\xff\xfe"}, "a.png", Options{Classes: "l.txt"}, "UTF-8"},
		"idx labels":          {map[string]string{"a-images-idx3-ubyte": images, "a-labels-idx1-ubyte": idxBytes([]int{3}, []byte{1, 2, 3})}, "", Options{}, "labels: expected 2, one for every image, found 3"},
		"idx magic":           {map[string]string{"a-idx3-ubyte": "\x00\x00\x0d" + images[3:]}, "", Options{}, "magic"},
		"idx short":           {map[string]string{"a-idx3-ubyte": images[:len(images)-1]}, "", Options{}, "data: expected 2 bytes, found 1"},
		"idx long":            {map[string]string{"a-idx3-ubyte": images + "x"}, "", Options{}, "found more"},
		"idx lying":           {map[string]string{"a-idx3-ubyte": idxBytes([]int{1 << 30, 1 << 30, 1 << 30}, nil)}, "", Options{}, "dimensions"},
		"idx gz lying":        {map[string]string{"a-idx3-ubyte.gz": gz(idxBytes([]int{1 << 10, 1 << 10, 1 << 10}, nil))}, "", Options{}, "dimensions"},
		"idx gz truncated":    {map[string]string{"a-idx3-ubyte.gz": gz(images)[:20]}, "", Options{}, "a-idx3-ubyte.gz: "},
		"idx splits":          {map[string]string{"a-idx3-ubyte": images, "b-idx3-ubyte": images}, "", Options{}, "images of the split test"},
		"archive not gzip":    {map[string]string{"c.tgz": "no"}, "c.tgz", Options{}, "c.tgz: "},
		"archive truncated":   {map[string]string{"c.tgz": tarGz([]string{"test/a/1.png"}, pic)[:200]}, "c.tgz", Options{}, "expected all of it, found the end of the file"},
		"archive of others":   {map[string]string{"c.tgz": tarGz([]string{"a.png", "test/a.png", "train/c/a.png"}, pic)}, "c.tgz", Options{}, "images named test/CLASS/NAME.jpg"},
		"sheet size":          {map[string]string{"cifar10_batch_0.png": pic}, "", Options{}, "1024 pixels wide"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, c.files)
			if c.o.Classes != "" {
				c.o.Classes = filepath.Join(dir, c.o.Classes)
			}
			s, err := Open(filepath.Join(dir, c.open), c.o)
			if err == nil {
				t.Fatalf("opened %s", opened(s))
			}
			if msg := err.Error(); !strings.Contains(msg, c.want) || strings.Contains(msg, "\n") {
				t.Errorf("error %q, want one line with %q", msg, c.want)
			}
		})
	}
}

func TestRawImage(t *testing.T) {
	dir := tree(t, map[string]string{"a.bin": "123456789abc", "b.bin": "123456789abcd", "c.bin": ""})
	m, err := readRaw(filepath.Join(dir, "a.bin"))
	if err != nil || m.W != 2 || m.H != 2 || string(m.Pix) != "123456789abc" {
		t.Error(m, err)
	}
	for _, name := range []string{"b.bin", "c.bin"} {
		if _, err := readRaw(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestSubset(t *testing.T) {
	s, err := NewSet("numbers", 100, nil, nil, func(i int) (*Image, error) { return NewImage(i+1, 1), nil })
	if err != nil {
		t.Fatal(err)
	}
	widths := func(s *Set) (w []int) {
		for i := range s.Len() {
			m, err := s.Image(i)
			if err != nil || s.Name(i) != fmt.Sprintf("#%d", m.W-1) {
				t.Fatal(s.Name(i), m.W, err)
			}
			w = append(w, m.W)
		}
		return w
	}
	a, again, other := widths(s.Subset(10, 1)), widths(s.Subset(10, 1)), widths(s.Subset(10, 2))
	if len(a) != 10 || !slices.IsSorted(a) || len(slices.Compact(slices.Clone(a))) != 10 {
		t.Errorf("subset %v: want 10 different images in order", a)
	}
	if !reflect.DeepEqual(a, again) || reflect.DeepEqual(a, other) {
		t.Errorf("subsets %v, %v by one seed, %v by another", a, again, other)
	}
	if s.Subset(0, 1).Len() != 100 || s.Subset(1000, 1).Len() != 100 {
		t.Error("0 and more than there are must mean all")
	}
	if err := s.CheckClasses(1); err != nil {
		t.Error("unlabelled images belong to any classes:", err)
	}
}

func TestInputsCheckTheSize(t *testing.T) {
	s, err := NewSet("set", 1, nil, nil, func(int) (*Image, error) { return NewImage(4, 2), nil })
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Inputs(Preprocess{}, 2, 4) // as many values, other shape
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Input(0, make([]float32, 24)); err == nil || !strings.Contains(err.Error(), "set: #0: size: expected 2x4 pixels, found 4x2") {
		t.Error(err)
	}
	in, _ = s.Inputs(Preprocess{}, 0, 0)
	if err := in.Input(0, make([]float32, 23)); err == nil {
		t.Error("23 values accepted for 4x2x3")
	}
	if err := in.Input(0, make([]float32, 24)); err != nil {
		t.Error(err)
	}
}

func FuzzTable(f *testing.F) {
	for _, s := range []string{"file,label\na.png,1\n", "a.bin,10,3\n", "\ufeffa,1", "\"a\nb\",2\n", "image,class,x\n\"\",,\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := readTable("t.csv", strings.NewReader(text))
		if (err == nil) != (len(rows) > 0) {
			t.Fatalf("%d rows, error %v", len(rows), err)
		}
		for _, r := range rows {
			if r.file == "" || r.label < 0 || r.label >= maxClasses || r.line < 1 {
				t.Fatalf("row %+v", r)
			}
		}
	})
}

func FuzzIDX(f *testing.F) {
	valid := idxBytes([]int{2, 1, 3}, []byte{1, 2, 3, 4, 5, 6})
	f.Add([]byte(valid), 3)
	f.Add([]byte(gz(valid)), 3)
	f.Add([]byte(idxBytes([]int{2}, []byte{1, 2})), 1)
	f.Fuzz(func(t *testing.T, b []byte, dims int) {
		if dims < 1 || dims > maxIDXDims {
			return
		}
		x, err := parseIDX(b, dims)
		if err != nil {
			return
		}
		n := 1
		for _, d := range x.dims {
			n *= d
		}
		if len(x.dims) != dims || n != len(x.data) || n == 0 {
			t.Fatalf("%v with %d values", x.dims, len(x.data))
		}
	})
}

func FuzzClasses(f *testing.F) {
	f.Add(synset)
	f.Add("cat\ndog\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseClasses("l.txt", text)
		if err != nil {
			return
		}
		if len(c.names) == 0 || slices.Contains(c.names, "") && c.rank == nil {
			t.Fatalf("%q", c.names)
		}
		for wnid, i := range c.rank {
			if !isWnid(wnid) || i >= len(c.names) {
				t.Fatalf("%s has rank %d of %d", wnid, i, len(c.names))
			}
		}
	})
}
