package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"

	"lutra/internal/tensor"
)

// magic begins a saved state; the digit is the version of the format.
const magic = "lutra train 1\n"

// stateChunk is how many numbers are copied at a time: some milliseconds.
const stateChunk = 1 << 20

// WriteState writes all that a training needs to go on exactly: parameters,
// running statistics, optimiser, step and pass. When ctx is done it returns its error.
func (t *Trainer) WriteState(ctx context.Context, w io.Writer) error {
	if _, err := w.Write(t.stateHead()); err != nil {
		return err
	}
	for _, x := range t.slots() {
		for part := range slices.Chunk(x, stateChunk) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := w.Write(tensor.Of(part, len(part)).LittleEndian()); err != nil {
				return err
			}
		}
	}
	_, err := w.Write(t.Net.appendCodes(nil))
	return err
}

// StateBytes is the length of what WriteState writes.
func (t *Trainer) StateBytes() int {
	size := len(t.stateHead()) + t.Net.codeBytes()
	for _, x := range t.slots() {
		size += 4 * len(x)
	}
	return size
}

// ReadState takes over a state of size bytes that a trainer of the same network
// and optimiser wrote. After any other error than one about the size, that of
// ctx included, the trainer is of no use.
func (t *Trainer) ReadState(ctx context.Context, r io.Reader, size int) error {
	head, want := make([]byte, len(t.stateHead())), t.stateHead()
	if size != t.StateBytes() {
		return fmt.Errorf("train: state: expected %d bytes of this network and optimiser, found %d bytes of others", t.StateBytes(), size)
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	fixed := len(want) - 16 // magic and fingerprint; steps and passes differ
	if !bytes.Equal(head[:fixed], want[:fixed]) {
		return fmt.Errorf("train: state: expected one of this network and optimiser, found that of another")
	}
	t.Optimiser.steps = binary.LittleEndian.Uint64(head[fixed:])
	t.Net.passes = binary.LittleEndian.Uint64(head[fixed+8:])
	b := make([]byte, max(4*stateChunk, t.Net.codeBytes()))
	for _, x := range t.slots() {
		for part := range slices.Chunk(x, stateChunk) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := io.ReadFull(r, b[:4*len(part)]); err != nil {
				return err
			}
			for i := range part {
				part[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			}
		}
	}
	if _, err := io.ReadFull(r, b[:t.Net.codeBytes()]); err != nil {
		return err
	}
	return t.Net.takeCodes(b)
}

// stateHead begins the present state.
func (t *Trainer) stateHead() []byte {
	b := binary.LittleEndian.AppendUint64([]byte(magic), t.fingerprint())
	b = binary.LittleEndian.AppendUint64(b, t.Optimiser.steps)
	return binary.LittleEndian.AppendUint64(b, t.Net.passes)
}

func (t *Trainer) slots() [][]float32 {
	var all [][]float32
	for _, p := range t.Net.params {
		all = append(all, p.Value)
	}
	for _, b := range t.Net.buffers {
		all = append(all, b.Value)
	}
	return append(all, t.Optimiser.slots()...)
}

// fingerprint tells networks and optimisers apart.
func (t *Trainer) fingerprint() uint64 {
	h := fnv.New64a()
	for _, p := range t.Net.params {
		fmt.Fprintln(h, p.Name, p.Shape)
	}
	for _, b := range t.Net.buffers {
		fmt.Fprintln(h, b.Name, len(b.Value))
	}
	fmt.Fprintln(h, t.Optimiser.options.Rule, len(t.Optimiser.mean))
	return h.Sum64()
}
