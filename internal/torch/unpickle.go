package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"lutra/internal/safe"
)

// Limits of the pickle machine. Released networks need a few thousand opcodes;
// the limits bound time and memory on hostile input.
const (
	maxOpcodes = 10_000_000
	maxMemo    = 1_000_000
	maxStack   = 100_000
	// pickleMemory is what all values of a pickle may take in memory beyond
	// twice the pickle's size: single-byte opcodes create objects far larger
	// than themselves.
	pickleMemory = 16 << 20
)

// Approximate sizes in memory of the values that opcodes create, in bytes.
const (
	costSlot   = 48 // a list or tuple slot (16), slice growth included
	costMemo   = 64
	costList   = 64
	costDict   = 128
	costEntry  = 192 // a dict entry: key, value and index
	costTuple  = 48
	costTensor = 192
	costScalar = 16
)

// unpickler is the pickle machine: a stack, a memo and the position in src.
// It never calls anything but the functions of the class table.
type unpickler struct {
	file  string // for messages
	part  string // the archive member, for messages; "" in a legacy stream
	src   []byte
	pos   int
	at    int // offset of the running opcode
	op    byte
	name  string // of the running opcode
	stack []Value
	marks []int
	memo  map[uint32]Value
	ops   int
	spare int // bytes of memory still allowed
	heap  *heap
}

func newUnpickler(file, part string, src []byte, pos int, h *heap) *unpickler {
	return &unpickler{
		file: file, part: part, src: src, pos: pos, heap: h,
		memo: map[uint32]Value{}, spare: pickleMemory + 2*len(src),
	}
}

// load runs one pickle and returns its value; u.pos is then the offset behind it.
func (u *unpickler) load() (Value, error) {
	u.stack, u.marks = u.stack[:0], u.marks[:0]
	clear(u.memo)
	for {
		if u.pos >= len(u.src) {
			u.at, u.name = u.pos, ""
			return nil, u.fail("an opcode", "end of file")
		}
		if u.ops++; u.ops > maxOpcodes {
			return nil, u.fail(fmt.Sprintf("at most %d opcodes", maxOpcodes), "more")
		}
		u.at, u.op = u.pos, u.src[u.pos]
		u.name = opcodes[u.op].name
		u.pos++
		if u.op == opStop {
			return u.result()
		}
		run := opcodes[u.op].run
		if run == nil {
			return nil, u.refused()
		}
		if err := run(u); err != nil {
			return nil, err
		}
	}
}

func (u *unpickler) result() (Value, error) {
	if len(u.marks) != 0 || len(u.stack) != 1 {
		return nil, u.fail("one value on the stack", fmt.Sprintf("%d values and %d marks", len(u.stack), len(u.marks)))
	}
	return u.stack[0], nil
}

func (u *unpickler) refused() error {
	if u.name == "" {
		return u.fail("a pickle opcode", fmt.Sprintf("byte %#02x", u.op))
	}
	return u.fail("an opcode that torch.save writes", "another")
}

// fail is a FormatError at the running opcode.
func (u *unpickler) fail(expected, found string) *safe.FormatError {
	where := fmt.Sprintf("offset %d", u.at)
	if u.part != "" {
		where = u.part + " " + where
	}
	return &safe.FormatError{File: u.file, Where: where, Field: u.name, Expected: expected, Found: found}
}

// spend charges n bytes of memory.
func (u *unpickler) spend(n int) error {
	if u.spare -= n; u.spare < 0 {
		return u.fail("values that fit in memory", "far more values than the file has bytes")
	}
	return nil
}

// take reads the next n bytes of the stream, without a copy.
func (u *unpickler) take(n uint64) ([]byte, error) {
	if left := len(u.src) - u.pos; n > uint64(left) {
		return nil, u.fail(fmt.Sprintf("%d bytes", n), fmt.Sprintf("%d left", left))
	}
	b := u.src[u.pos : u.pos+int(n)]
	u.pos += int(n)
	return b, nil
}

// uint reads a little-endian integer of size bytes, at most 8.
func (u *unpickler) uint(size int) (uint64, error) {
	b, err := u.take(uint64(size))
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// counted reads a length of size bytes and as many bytes.
func (u *unpickler) counted(size int) ([]byte, error) {
	n, err := u.uint(size)
	if err != nil {
		return nil, err
	}
	return u.take(n)
}

// line reads up to a newline, which is consumed and left out.
func (u *unpickler) line() (string, error) {
	n := bytes.IndexByte(u.src[u.pos:min(len(u.src), u.pos+safe.MaxNameBytes)], '\n')
	if n < 0 {
		return "", u.fail(fmt.Sprintf("a line of at most %d bytes", safe.MaxNameBytes), "no end of line")
	}
	s := string(u.src[u.pos : u.pos+n])
	u.pos += n + 1
	return s, nil
}

// push puts v, which takes n bytes, on the stack. The stack itself is bounded.
func (u *unpickler) push(v Value, n int) error {
	if len(u.stack) >= maxStack {
		return u.fail(fmt.Sprintf("a stack of at most %d values", maxStack), "more")
	}
	u.stack = append(u.stack, v)
	return u.spend(n)
}

// floor is the lowest stack index that opcodes may take from: values below
// the last mark belong to an unfinished collection.
func (u *unpickler) floor() int {
	if n := len(u.marks); n > 0 {
		return u.marks[n-1]
	}
	return 0
}

// pop takes the n topmost values, lowest first. The slice is valid until the next push.
func (u *unpickler) pop(n int) ([]Value, error) {
	have := len(u.stack) - u.floor()
	if have < n {
		return nil, u.fail(fmt.Sprintf("%d values on the stack", n), fmt.Sprint(have))
	}
	top := u.stack[len(u.stack)-n:]
	u.stack = u.stack[:len(u.stack)-n]
	return top, nil
}

// popMark takes the values above the last mark, and the mark.
func (u *unpickler) popMark() ([]Value, error) {
	if len(u.marks) == 0 {
		return nil, u.fail("a mark on the stack", "none")
	}
	items, err := u.pop(len(u.stack) - u.floor())
	u.marks = u.marks[:len(u.marks)-1]
	return items, err
}

// peek is the topmost value, left on the stack.
func (u *unpickler) peek() (Value, error) {
	top, err := u.pop(1)
	if err != nil {
		return nil, err
	}
	u.stack = u.stack[:len(u.stack)+1]
	return top[0], nil
}
