package torch

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"

	"lutra/internal/tensor"
)

const (
	opProto = 0x80
	opStop  = '.'
)

// opcode is a row of the opcode table; run is nil for opcodes that files of
// torch.save never need, which are refused by name.
type opcode struct {
	name string
	run  func(*unpickler) error
}

// opcodes is the table of Python's pickletools, protocols 0 to 5.
var opcodes = [256]opcode{
	opProto: {"PROTO", (*unpickler).proto},
	0x95:    {"FRAME", (*unpickler).frame},
	opStop:  {"STOP", nil}, // handled by load

	'N':  {"NONE", constant(nil)},
	0x88: {"NEWTRUE", constant(true)},
	0x89: {"NEWFALSE", constant(false)},
	'J': {"BININT", func(u *unpickler) error {
		n, err := u.uint(4)
		return u.scalar(int64(int32(n)), err)
	}},
	'K':  {"BININT1", unsigned(1)},
	'M':  {"BININT2", unsigned(2)},
	0x8a: {"LONG1", long(1)},
	0x8b: {"LONG4", long(4)},
	'G': {"BINFLOAT", func(u *unpickler) error {
		b, err := u.take(8)
		if err != nil {
			return err
		}
		return u.scalar(math.Float64frombits(binary.BigEndian.Uint64(b)), nil)
	}},

	'X':  {"BINUNICODE", text(4)},
	0x8c: {"SHORT_BINUNICODE", text(1)},
	0x8d: {"BINUNICODE8", text(8)},
	'T':  {"BINSTRING", text(4)},
	'U':  {"SHORT_BINSTRING", text(1)},
	'B':  {"BINBYTES", raw(4)},
	'C':  {"SHORT_BINBYTES", raw(1)},
	0x8e: {"BINBYTES8", raw(8)},

	'(':  {"MARK", (*unpickler).mark},
	'0':  {"POP", func(u *unpickler) error { _, err := u.pop(1); return err }},
	'1':  {"POP_MARK", func(u *unpickler) error { _, err := u.popMark(); return err }},
	')':  {"EMPTY_TUPLE", func(u *unpickler) error { return u.push(Tuple{}, 0) }},
	0x85: {"TUPLE1", tuple(1)},
	0x86: {"TUPLE2", tuple(2)},
	0x87: {"TUPLE3", tuple(3)},
	't':  {"TUPLE", func(u *unpickler) error { v, err := u.popMark(); return u.pushTuple(v, err) }},
	']':  {"EMPTY_LIST", func(u *unpickler) error { return u.push(&List{}, costList) }},
	'l': {"LIST", func(u *unpickler) error {
		v, err := u.popMark()
		if err != nil {
			return err
		}
		return u.push(&List{slices.Clone(v)}, costList+len(v)*costSlot)
	}},
	'a': {"APPEND", func(u *unpickler) error { v, err := u.pop(1); return u.extend(v, err) }},
	'e': {"APPENDS", func(u *unpickler) error { v, err := u.popMark(); return u.extend(v, err) }},
	'}': {"EMPTY_DICT", func(u *unpickler) error { return u.push(&Dict{}, costDict) }},
	'd': {"DICT", (*unpickler).dict},
	's': {"SETITEM", func(u *unpickler) error { v, err := u.pop(2); return u.update(v, err) }},
	'u': {"SETITEMS", func(u *unpickler) error { v, err := u.popMark(); return u.update(v, err) }},

	'q':  {"BINPUT", put(1)},
	'r':  {"LONG_BINPUT", put(4)},
	0x94: {"MEMOIZE", func(u *unpickler) error { return u.memoize(uint32(len(u.memo))) }},
	'h':  {"BINGET", get(1)},
	'j':  {"LONG_BINGET", get(4)},

	'c':  {"GLOBAL", (*unpickler).global},
	0x93: {"STACK_GLOBAL", (*unpickler).stackGlobal},
	'R':  {"REDUCE", (*unpickler).reduce},
	'b':  {"BUILD", (*unpickler).build},
	'Q':  {"BINPERSID", (*unpickler).persistent},

	'F': {name: "FLOAT"}, 'I': {name: "INT"}, 'L': {name: "LONG"}, 'S': {name: "STRING"}, 'V': {name: "UNICODE"},
	'P': {name: "PERSID"}, 'g': {name: "GET"}, 'p': {name: "PUT"}, 'i': {name: "INST"}, 'o': {name: "OBJ"}, '2': {name: "DUP"},
	0x81: {name: "NEWOBJ"}, 0x92: {name: "NEWOBJ_EX"}, 0x82: {name: "EXT1"}, 0x83: {name: "EXT2"}, 0x84: {name: "EXT4"},
	0x8f: {name: "EMPTY_SET"}, 0x90: {name: "ADDITEMS"}, 0x91: {name: "FROZENSET"},
	0x96: {name: "BYTEARRAY8"}, 0x97: {name: "NEXT_BUFFER"}, 0x98: {name: "READONLY_BUFFER"},
}

func (u *unpickler) proto() error {
	n, err := u.uint(1)
	if err == nil && (n < 2 || n > 5) {
		err = u.fail("protocol 2 to 5", fmt.Sprint(n))
	}
	return err
}

// frame checks the frame's length only; frames have no meaning of their own.
func (u *unpickler) frame() error {
	n, err := u.uint(8)
	if left := uint64(len(u.src) - u.pos); err == nil && n > left {
		err = u.fail(fmt.Sprintf("%d bytes", n), fmt.Sprintf("%d left", left))
	}
	return err
}

func constant(v Value) func(*unpickler) error {
	return func(u *unpickler) error { return u.push(v, 0) }
}

func (u *unpickler) scalar(v Value, err error) error {
	if err != nil {
		return err
	}
	return u.push(v, costScalar)
}

func unsigned(size int) func(*unpickler) error {
	return func(u *unpickler) error {
		n, err := u.uint(size)
		return u.scalar(int64(n), err)
	}
}

// long reads a two's complement integer of any length up to 255 bytes.
func long(size int) func(*unpickler) error {
	return func(u *unpickler) error {
		b, err := u.counted(size)
		if err != nil {
			return err
		}
		if len(b) > 255 {
			return u.fail("an integer of at most 255 bytes", fmt.Sprint(len(b)))
		}
		be := slices.Clone(b)
		slices.Reverse(be)
		n := new(big.Int).SetBytes(be)
		if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		if n.IsInt64() {
			return u.scalar(n.Int64(), nil)
		}
		return u.push(n, costList+len(b))
	}
}

func text(size int) func(*unpickler) error {
	return func(u *unpickler) error {
		b, err := u.counted(size)
		if err != nil {
			return err
		}
		if !utf8.Valid(b) {
			return u.fail("UTF-8 text", "other bytes")
		}
		return u.push(string(b), costScalar+len(b))
	}
}

func raw(size int) func(*unpickler) error {
	return func(u *unpickler) error {
		b, err := u.counted(size)
		if err != nil {
			return err
		}
		return u.push(slices.Clone(b), costScalar+len(b))
	}
}

func (u *unpickler) mark() error {
	if len(u.marks) >= maxStack {
		return u.fail(fmt.Sprintf("at most %d marks", maxStack), "more")
	}
	u.marks = append(u.marks, len(u.stack))
	return u.spend(costScalar)
}

func tuple(n int) func(*unpickler) error {
	return func(u *unpickler) error { v, err := u.pop(n); return u.pushTuple(v, err) }
}

func (u *unpickler) pushTuple(items []Value, err error) error {
	if err != nil {
		return err
	}
	return u.push(Tuple(slices.Clone(items)), costTuple+len(items)*costSlot)
}

func (u *unpickler) extend(items []Value, err error) error {
	if err != nil {
		return err
	}
	top, err := u.peek()
	if err != nil {
		return err
	}
	l, ok := top.(*List)
	if !ok {
		return u.fail("a list below the items", typeName(top))
	}
	l.Items = append(l.Items, items...)
	return u.spend(len(items) * costSlot)
}

func (u *unpickler) dict() error {
	items, err := u.popMark()
	if err != nil {
		return err
	}
	d := &Dict{}
	if err := u.fill(d, items); err != nil {
		return err
	}
	return u.push(d, costDict)
}

func (u *unpickler) update(items []Value, err error) error {
	if err != nil {
		return err
	}
	top, err := u.peek()
	if err != nil {
		return err
	}
	d, ok := top.(*Dict)
	if !ok {
		return u.fail("a dict below the items", typeName(top))
	}
	return u.fill(d, items)
}

func (u *unpickler) fill(d *Dict, items []Value) error {
	if len(items)%2 != 0 {
		return u.fail("pairs of key and value", fmt.Sprintf("%d items", len(items)))
	}
	for i := 0; i < len(items); i += 2 {
		switch items[i].(type) {
		case string, int64:
			d.set(items[i], items[i+1])
		default:
			return u.fail("a string or an integer as key", typeName(items[i]))
		}
	}
	return u.spend(len(items) / 2 * costEntry)
}

func put(size int) func(*unpickler) error {
	return func(u *unpickler) error {
		n, err := u.uint(size)
		if err != nil {
			return err
		}
		return u.memoize(uint32(n))
	}
}

func (u *unpickler) memoize(i uint32) error {
	v, err := u.peek()
	if err != nil {
		return err
	}
	if _, ok := u.memo[i]; !ok {
		if len(u.memo) >= maxMemo {
			return u.fail(fmt.Sprintf("at most %d memo entries", maxMemo), "more")
		}
		if err := u.spend(costMemo); err != nil {
			return err
		}
	}
	u.memo[i] = v
	return nil
}

func get(size int) func(*unpickler) error {
	return func(u *unpickler) error {
		n, err := u.uint(size)
		if err != nil {
			return err
		}
		v, ok := u.memo[uint32(n)]
		if !ok {
			return u.fail("a memo entry", fmt.Sprintf("no entry %d", n))
		}
		return u.push(v, 0)
	}
}

// build accepts the state that OrderedDict carries (a dict of attributes such
// as _metadata, which is dropped) and that of a numpy dtype.
func (u *unpickler) build() error {
	args, err := u.pop(1)
	if err != nil {
		return err
	}
	state := args[0]
	top, err := u.peek()
	if err != nil {
		return err
	}
	switch v := top.(type) {
	case *Dict:
		if _, ok := state.(*Dict); ok {
			return nil
		}
		return u.fail("a dict of attributes", typeName(state))
	case *numpyType:
		return u.checkNumpyState(v, state)
	}
	return u.fail("an OrderedDict", typeName(top))
}

// persistent resolves ("storage", class, key, location, count[, view]).
func (u *unpickler) persistent() error {
	args, err := u.pop(1)
	if err != nil {
		return err
	}
	id, ok := args[0].(Tuple)
	if !ok || len(id) < 5 || len(id) > 6 || id[0] != Value("storage") {
		return u.fail(`a persistent id ("storage", class, key, location, count)`, describeID(args[0]))
	}
	c, isClass := id[1].(*class)
	key, isKey := id[2].(string)
	n, isCount := id[4].(int64)
	if !isClass || c.dtype == tensor.Invalid {
		return u.fail("a storage class", typeName(id[1]))
	}
	if !isKey || !isCount || n < 0 {
		return u.fail("a storage key and a count", typeName(id[2])+" and "+typeName(id[4]))
	}
	if len(id) == 6 && id[5] != nil {
		return u.fail("a whole storage", "a view of another storage")
	}
	s, err := u.heap.storage(u, key, c.dtype, n)
	if err != nil {
		return err
	}
	return u.push(s, 0)
}

func describeID(v Value) string {
	if t, ok := v.(Tuple); ok && len(t) > 0 {
		if s, ok := t[0].(string); ok {
			return fmt.Sprintf("a tuple of %d starting with %.32q", len(t), s)
		}
		return fmt.Sprintf("a tuple of %d", len(t))
	}
	return typeName(v)
}
