package tflite

import (
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"

	"lutra/internal/safe"
)

// reader reads a FlatBuffer (https://flatbuffers.dev/internals). The Go runtime
// of FlatBuffers has no verifier and panics at a position outside of the file;
// every position is checked here before the runtime reads there. The first
// error sticks; what is read after it is zero.
type reader struct {
	file string
	b    []byte
	room int // bytes that vectors may still be copied to: a file can name one vector many times
	err  error
}

// maxBytes is the largest FlatBuffer: positions are int32.
const maxBytes = 1<<31 - 1

// identifier marks a TFLite file, behind the position of the root.
const identifier = "TFL3"

func newReader(file string, b []byte) *reader {
	return &reader{file: file, b: b, room: 8*len(b) + 1<<20}
}

func (r *reader) fail(at int, field, expected, found string) {
	if r.err == nil {
		r.err = &safe.FormatError{File: r.file, Where: fmt.Sprintf("offset %d", at), Field: field, Expected: expected, Found: found}
	}
}

// holds checks that size bytes lie at position at.
func (r *reader) holds(at, size int, field string) bool {
	if at < 0 || size < 0 || at > len(r.b)-size {
		r.fail(at, field, fmt.Sprintf("%d bytes", size), fmt.Sprintf("the end of the file at %d", len(r.b)))
	}
	return r.err == nil
}

// root is the table that the file is.
func (r *reader) root() table {
	if len(r.b) > maxBytes {
		r.fail(0, "", fmt.Sprintf("at most %d bytes", maxBytes), fmt.Sprint(len(r.b)))
	}
	if !r.holds(0, 8, "header") {
		return table{}
	}
	if id := flatbuffers.GetBufferIdentifier(r.b); id != identifier {
		r.fail(4, "identifier", fmt.Sprintf("%q", identifier), fmt.Sprintf("%q", id))
	}
	return r.table(int(flatbuffers.GetUOffsetT(r.b)), "model")
}

// follow is the position that the offset at position at leads to.
func (r *reader) follow(at int, field string) int {
	if !r.holds(at, flatbuffers.SizeUOffsetT, field) {
		return 0
	}
	return at + int(flatbuffers.GetUOffsetT(r.b[at:]))
}

// table is a table of the file; the zero value has no fields.
type table struct {
	flatbuffers.Table
	r    *reader
	size int // bytes of its fields
}

// table checks the table at position at and its list of fields.
func (r *reader) table(at int, field string) table {
	if !r.holds(at, flatbuffers.SizeSOffsetT, field) {
		return table{}
	}
	list := at - int(flatbuffers.GetSOffsetT(r.b[at:]))
	const fixed = 2 * flatbuffers.SizeVOffsetT // of a list: its length, that of the table
	if !r.holds(list, fixed, field+": list of fields") {
		return table{}
	}
	length := int(flatbuffers.GetVOffsetT(r.b[list:]))
	if length < fixed || length%flatbuffers.SizeVOffsetT != 0 {
		r.fail(list, field+": list of fields", "an even length of 4 or more", fmt.Sprint(length))
	}
	size := int(flatbuffers.GetVOffsetT(r.b[list+flatbuffers.SizeVOffsetT:]))
	if !r.holds(list, length, field+": list of fields") || !r.holds(at, size, field) {
		return table{}
	}
	return table{flatbuffers.Table{Bytes: r.b, Pos: flatbuffers.UOffsetT(at)}, r, size}
}

// absent says that t is none: the file has no table there, or reading has failed.
func (t table) absent() bool { return t.r == nil }

// at is the position of a field of size bytes; ok is false where the table leaves it out.
func (t table) at(slot, size int, field string) (at int, ok bool) {
	if t.absent() || t.r.err != nil {
		return 0, false
	}
	o := int(t.Offset(flatbuffers.VOffsetT((2 + slot) * flatbuffers.SizeVOffsetT)))
	if o == 0 {
		return 0, false
	}
	if o > t.size-size {
		t.r.fail(int(t.Pos), field, fmt.Sprintf("a place within the table's %d bytes", t.size), fmt.Sprint(o))
		return 0, false
	}
	return int(t.Pos) + o, true
}

func (t table) int8(slot int, field string) int8 {
	if at, ok := t.at(slot, 1, field); ok {
		return flatbuffers.GetInt8(t.Bytes[at:])
	}
	return 0
}

func (t table) int32(slot int, def int32, field string) int32 {
	if at, ok := t.at(slot, 4, field); ok {
		return flatbuffers.GetInt32(t.Bytes[at:])
	}
	return def
}

func (t table) float32(slot int, field string) float32 {
	if at, ok := t.at(slot, 4, field); ok {
		return flatbuffers.GetFloat32(t.Bytes[at:])
	}
	return 0
}

// table is the table that a field leads to.
func (t table) table(slot int, field string) table {
	at, ok := t.at(slot, flatbuffers.SizeUOffsetT, field)
	if !ok {
		return table{}
	}
	return t.r.table(t.r.follow(at, field), field)
}

// vector is the place and length of a vector of elements of size bytes.
func (t table) vector(slot, size int, field string) (at, n int) {
	at, ok := t.at(slot, flatbuffers.SizeUOffsetT, field)
	if !ok {
		return 0, 0
	}
	r := t.r
	at = r.follow(at, field)
	if !r.holds(at, flatbuffers.SizeUOffsetT, field) {
		return 0, 0
	}
	n = int(flatbuffers.GetUOffsetT(r.b[at:]))
	at += flatbuffers.SizeUOffsetT
	if n > (len(r.b)-at)/size {
		r.fail(at, field, fmt.Sprintf("at most %d elements up to the end of the file", (len(r.b)-at)/size), fmt.Sprint(n))
		return 0, 0
	}
	return at, n
}

// copied is vector for elements that will be copied, which room bounds.
func (t table) copied(slot, size int, field string) (at, n int) {
	at, n = t.vector(slot, size, field)
	if n > 0 && t.r.room < n*size {
		t.r.fail(at, field, "a file that names a vector a few times", "one that does so again and again")
		return 0, 0
	}
	if n > 0 {
		t.r.room -= n * size
	}
	return at, n
}

// bytes is a vector of bytes, not copied.
func (t table) bytes(slot int, field string) []byte {
	at, n := t.vector(slot, 1, field)
	if n == 0 {
		return nil
	}
	return t.Bytes[at : at+n : at+n]
}

func (t table) string(slot, most int, field string) string {
	b := t.bytes(slot, field)
	if len(b) > most {
		b = b[:most]
	}
	return string(b)
}

func (t table) int32s(slot int, field string) []int {
	return numbers(t, slot, 4, field, func(b []byte) int { return int(flatbuffers.GetInt32(b)) })
}

func (t table) int64s(slot int, field string) []int64 {
	return numbers(t, slot, 8, field, flatbuffers.GetInt64)
}

func (t table) float32s(slot int, field string) []float32 {
	return numbers(t, slot, 4, field, flatbuffers.GetFloat32)
}

// numbers is a vector of elements of size bytes, each read by get.
func numbers[T any](t table, slot, size int, field string, get func([]byte) T) []T {
	at, n := t.copied(slot, size, field)
	v := make([]T, n)
	for i := range v {
		v[i] = get(t.Bytes[at+size*i:])
	}
	return v
}

// tables is a vector of at most limit tables.
func (t table) tables(slot, limit int, field string) []table {
	at, n := t.copied(slot, flatbuffers.SizeUOffsetT, field)
	if n > limit {
		t.r.fail(at, field, fmt.Sprintf("at most %d", limit), fmt.Sprint(n))
		return nil
	}
	v := make([]table, n)
	for i := range v {
		at := at + flatbuffers.SizeUOffsetT*i
		v[i] = t.r.table(t.r.follow(at, field), fmt.Sprintf("%s %d", field, i))
		if t.r.err != nil {
			return nil
		}
	}
	return v
}
