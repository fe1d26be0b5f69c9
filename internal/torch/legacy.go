package torch

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"lutra/internal/safe"
)

// legacyMagic is the number that the first pickle of a legacy stream holds.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

const legacyProtocol = 1001

// readLegacy reads the container of PyTorch before 1.6: pickles of a magic
// number, a protocol number, the writer's system, the object and the list of
// storage keys, then for every key the count (int64) and the elements.
func readLegacy(file string, b []byte) (*Object, error) {
	h := newHeap(file, len(b))
	u := newUnpickler(file, "", b, 0, h)
	if err := legacyHeader(u); err != nil {
		return nil, err
	}
	root, err := u.load()
	if err != nil {
		return nil, err
	}
	keysAt := u.pos
	keys, err := u.load()
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*List)
	if !ok {
		return nil, &safe.FormatError{File: file, Where: fmt.Sprintf("offset %d", keysAt), Expected: "the list of storage keys", Found: typeName(keys)}
	}
	pos := u.pos
	for _, k := range list.Items {
		if pos, err = h.fillLegacy(b, pos, k); err != nil {
			return nil, err
		}
	}
	if pos != len(b) {
		return nil, &safe.FormatError{File: file, Where: fmt.Sprintf("offset %d", pos), Expected: "end of file", Found: fmt.Sprintf("%d more bytes", len(b)-pos)}
	}
	if err := h.resolve(); err != nil {
		return nil, err
	}
	return &Object{Root: root, Container: Legacy, Storages: len(h.storages)}, nil
}

// legacyHeader reads the three pickles in front of the object.
func legacyHeader(u *unpickler) error {
	fail := func(field, want, found string) error {
		return &safe.FormatError{File: u.file, Where: fmt.Sprintf("offset %d", u.at), Field: field, Expected: want, Found: found}
	}
	v, err := u.load()
	if err != nil {
		return err
	}
	if n, ok := v.(*big.Int); !ok || n.Cmp(legacyMagic) != 0 {
		return fail("magic number", "that of torch.save", typeName(v))
	}
	if v, err = u.load(); err != nil {
		return err
	}
	if v != Value(int64(legacyProtocol)) {
		found := typeName(v)
		if n, ok := v.(int64); ok {
			found = fmt.Sprint(n)
		}
		return fail("protocol", fmt.Sprint(legacyProtocol), found)
	}
	if v, err = u.load(); err != nil {
		return err
	}
	info, ok := v.(*Dict)
	if !ok {
		return fail("system information", "a dict", typeName(v))
	}
	if little, _ := info.Get("little_endian"); little != Value(true) {
		return fail("byte order", "little-endian", "another")
	}
	return nil
}

// fillLegacy reads the storage of key k at pos, and returns the offset behind it.
func (h *heap) fillLegacy(b []byte, pos int, k Value) (int, error) {
	key, _ := k.(string)
	s, ok := h.storages[key]
	where := fmt.Sprintf("offset %d", pos)
	fail := func(want, found string) (int, error) {
		return 0, &safe.FormatError{File: h.file, Where: where, Field: fmt.Sprintf("storage %.40q", key), Expected: want, Found: found}
	}
	if !ok {
		return fail("a storage that a tensor uses", "an unknown key")
	}
	if s.data != nil {
		return fail("each storage once", "it again")
	}
	if len(b)-pos < 8 {
		return fail("8 bytes", fmt.Sprintf("%d left", len(b)-pos))
	}
	count := binary.LittleEndian.Uint64(b[pos:])
	pos += 8
	if count != uint64(s.count) {
		return fail(fmt.Sprintf("%d elements", s.count), fmt.Sprint(count))
	}
	n, err := safe.Mul(s.count, s.dtype.Size())
	if err != nil || n > len(b)-pos {
		return fail(fmt.Sprintf("%d %v", s.count, s.dtype), fmt.Sprintf("%d bytes left", len(b)-pos))
	}
	return pos + n, h.fill(s, where, b[pos:pos+n])
}
