package torch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lutra/internal/safe"
)

// readZip reads the container of PyTorch 1.6 and later: data.pkl, the
// storages as data/KEY, and small text files.
func readZip(file string, b []byte) (*Object, error) {
	a, err := openArchive(file, b)
	if err != nil {
		return nil, err
	}
	if err := a.checkKind(); err != nil {
		return nil, err
	}
	pkl, err := a.read("data.pkl")
	if err != nil {
		return nil, err
	}
	h := newHeap(file, len(b))
	u := newUnpickler(file, "data.pkl", pkl, 0, h)
	root, err := u.load()
	if err != nil {
		return nil, err
	}
	if u.pos != len(pkl) {
		u.at, u.name = u.pos, ""
		return nil, u.fail("the end of the pickle", fmt.Sprintf("%d more bytes", len(pkl)-u.pos))
	}
	for _, key := range slices.Sorted(maps.Keys(h.storages)) {
		if err := a.fill(h, h.storages[key]); err != nil {
			return nil, err
		}
	}
	if err := h.resolve(); err != nil {
		return nil, err
	}
	return &Object{Root: root, Container: Zip, Storages: len(h.storages)}, nil
}

// checkKind refuses TorchScript archives and big-endian storages.
func (a *archive) checkKind() error {
	for path, m := range a.members {
		if path == "constants.pkl" || path == "model.json" || strings.HasPrefix(path, "code/") {
			return a.script(m.name)
		}
	}
	if _, ok := a.members["byteorder"]; !ok {
		return nil
	}
	order, err := a.read("byteorder")
	if err == nil && string(order) != "little" {
		err = a.fail("byteorder", "byte order", "little", fmt.Sprintf("%.20q", order))
	}
	return err
}

// script refuses a TorchScript archive, which the member shows it is.
func (a *archive) script(member string) error {
	return &safe.FormatError{
		File: a.file, Where: fmt.Sprintf("member %.60q", member), Expected: "a file of torch.save",
		Found: "a TorchScript archive", Hint: exportHint,
	}
}

// fill gives the storage s its bytes, those of the member data/KEY.
func (a *archive) fill(h *heap, s *storage) error {
	b, err := a.read("data/" + s.key)
	if err != nil {
		return err
	}
	if n, err := safe.Mul(s.count, s.dtype.Size()); err != nil || n != len(b) {
		return a.fail("data/"+s.key, "storage", fmt.Sprintf("%d %v", s.count, s.dtype), fmt.Sprintf("%d bytes", len(b)))
	}
	return h.fill(s, "member data/"+s.key, b)
}
