package tflite_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"lutra/internal/graph"
	"lutra/internal/safe"
	"lutra/internal/tensor"
	"lutra/internal/tflite"
)

// allocated is the number of bytes that f allocates, freed or not.
func allocated(f func()) int {
	total := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	before := total()
	f()
	return int(total() - before)
}

// decode demands an error that names the file, or a graph whose shapes can be
// inferred or are refused without a panic, and bounds the memory of reading.
func decode(t testing.TB, b []byte) (*graph.Graph, error) {
	t.Helper()
	var g *graph.Graph
	var err error
	if n := allocated(func() { g, err = tflite.Decode("hostile.tflite", b) }); n > 64*len(b)+64<<20 {
		t.Errorf("%d MiB allocated for %d bytes", n>>20, len(b))
	}
	if err != nil {
		var fe *safe.FormatError
		if !errors.As(err, &fe) || fe.File != "hostile.tflite" || fe.Where == "" {
			t.Fatalf("error %T without file and place: %v", err, err)
		}
		return nil, err
	}
	if g.Validate() != nil || len(g.Inputs) != 1 {
		return g, nil
	}
	in := graph.Type{DType: tensor.Float32}
	for _, d := range g.Inputs[0].Dims {
		in.Shape = append(in.Shape, max(d.Size, 1))
	}
	_, _ = g.Specialize(map[string]graph.Type{g.Inputs[0].Name: in}, nil)
	return g, nil
}

func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.tflite")
	if err != nil || len(files) == 0 {
		t.Fatal("no seeds", err)
	}
	all := map[string][]byte{}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = b
	}
	return all
}

// TestDamaged decodes every prefix, flips of three bits of every byte, and every word replaced by numbers that lead astray.
func TestDamaged(t *testing.T) {
	for name, whole := range seeds(t) {
		t.Run(name, func(t *testing.T) {
			for n := range whole {
				_, _ = decode(t, whole[:n:n])
			}
			b := make([]byte, len(whole))
			for i := range whole {
				for _, bit := range []int{0, 3, 7} {
					copy(b, whole)
					b[i] ^= 1 << bit
					_, _ = decode(t, b)
				}
			}
			for i := 0; i+4 <= len(whole); i += 4 {
				for _, v := range []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, uint32(len(whole) - i), -uint32(i)} {
					copy(b, whole)
					binary.LittleEndian.PutUint32(b[i:], v)
					_, _ = decode(t, b)
				}
			}
		})
	}
}

// file builds a model whose subgraph is filled in by fields.
func file(version uint32, fields func(b *flatbuffers.Builder) map[int]flatbuffers.UOffsetT) []byte {
	b := flatbuffers.NewBuilder(0)
	vector := func(offsets ...flatbuffers.UOffsetT) flatbuffers.UOffsetT { return b.CreateVectorOfTables(offsets) }
	empty := func() flatbuffers.UOffsetT { b.StartObject(0); return b.EndObject() }
	parts := fields(b)
	b.StartObject(5)
	for slot, at := range parts {
		b.PrependUOffsetTSlot(slot, at, 0)
	}
	subgraphs, buffers := vector(b.EndObject()), vector(empty())
	b.StartObject(4)
	b.PrependInt32Slot(3, 32, 0)
	codes := vector(b.EndObject())
	b.StartObject(5)
	b.PrependUint32Slot(0, version, 0)
	b.PrependUOffsetTSlot(1, codes, 0)
	b.PrependUOffsetTSlot(2, subgraphs, 0)
	b.PrependUOffsetTSlot(4, buffers, 0)
	b.FinishWithFileIdentifier(b.EndObject(), []byte("TFL3"))
	return b.FinishedBytes()
}

func ints(b *flatbuffers.Builder, v ...int32) flatbuffers.UOffsetT {
	b.StartVector(4, len(v), 4)
	for i := len(v) - 1; i >= 0; i-- {
		b.PrependInt32(v[i])
	}
	return b.EndVector(len(v))
}

// TestRefused: files that FlatBuffers' own writer makes, each wrong in one way.
func TestRefused(t *testing.T) {
	tensors := func(shape ...int32) func(*flatbuffers.Builder) map[int]flatbuffers.UOffsetT {
		return func(b *flatbuffers.Builder) map[int]flatbuffers.UOffsetT {
			s := ints(b, shape...)
			b.StartObject(8)
			b.PrependUOffsetTSlot(0, s, 0)
			x := b.EndObject()
			list := make([]flatbuffers.UOffsetT, 2)
			for i := range list {
				list[i] = x
			}
			return map[int]flatbuffers.UOffsetT{0: b.CreateVectorOfTables(list)}
		}
	}
	operator := func(code uint32, inputs ...int32) func(*flatbuffers.Builder) map[int]flatbuffers.UOffsetT {
		return func(b *flatbuffers.Builder) map[int]flatbuffers.UOffsetT {
			parts := tensors(1, 2)(b)
			in, out := ints(b, inputs...), ints(b, 1)
			b.StartObject(5)
			b.PrependUint32Slot(0, code, 0)
			b.PrependUOffsetTSlot(1, in, 0)
			b.PrependUOffsetTSlot(2, out, 0)
			parts[3] = b.CreateVectorOfTables([]flatbuffers.UOffsetT{b.EndObject()})
			return parts
		}
	}
	repeated := func(b *flatbuffers.Builder) map[int]flatbuffers.UOffsetT {
		s := ints(b, make([]int32, 20000)...)
		b.StartObject(8)
		b.PrependUOffsetTSlot(0, s, 0)
		x := b.EndObject()
		list := make([]flatbuffers.UOffsetT, 20000)
		for i := range list {
			list[i] = x
		}
		return map[int]flatbuffers.UOffsetT{0: b.CreateVectorOfTables(list)}
	}
	good := seeds(t)["shapes.tflite"]
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":             {nil, "offset 0: header"},
		"another format":    {append([]byte("\x10\x00\x00\x00ABCD"), make([]byte, 64)...), `offset 4: identifier: expected "TFL3", found "ABCD"`},
		"root outside":      {append([]byte("\xff\xff\xff\x7fTFL3"), make([]byte, 64)...), "offset 2147483647: model"},
		"cut off":           {good[:len(good)-100], "the end of the file"},
		"old schema":        {file(2, tensors(1, 2)), "version: expected 3, found 2"},
		"no dimension":      {file(3, tensors(1, 0)), "shape"},
		"too many elements": {file(3, tensors(1<<30, 1<<30)), "shape"},
		"tensor -2":         {file(3, operator(0, -2)), `operator 0 (builtin 32): tensor: expected one of 2, found -2`},
		"tensor 2":          {file(3, operator(0, 2)), "expected one of 2, found 2"},
		"operator code":     {file(3, operator(7, 0)), "operator code: expected one of 1, found 7"},
		"unknown operator":  {file(3, operator(0, 0)), "operator 0 (builtin 32): expected one of [ADD AVERAGE_POOL_2D CONV_2D"},
		"repeated vectors":  {file(3, repeated), "shape"},
	} {
		if _, err := decode(t, c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// FuzzDecode demands an error with a place, or a graph.
func FuzzDecode(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = decode(t, b) })
}
