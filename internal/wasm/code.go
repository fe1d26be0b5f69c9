// Package wasm writes WebAssembly modules (WebAssembly Core Specification 2.0,
// chapter 5, binary format) of functions over 32-bit integers. Code is built as
// expressions, which leave a value, and statements, which leave none; there is
// no instruction that multiplies, divides or takes a floating-point number.
package wasm

import "slices"

// Code is instructions.
type Code []byte

// Local is a variable or parameter of a function.
type Local uint32

// Opcodes, of chapter 5.4.
const (
	opLoop, opIf, opElse, opEnd, opBranchIf          = 0x03, 0x04, 0x05, 0x0b, 0x0d
	opCall, opSelect                                 = 0x10, 0x1b
	opGet, opSet, opTee                              = 0x20, 0x21, 0x22
	opLoad32, opLoad8, opLoad16, opStore32, opStore8 = 0x28, 0x2d, 0x2f, 0x36, 0x3a
	opConst                                          = 0x41
	opLess, opLessUnsigned, opGreater                = 0x48, 0x49, 0x4a
	opAdd, opSub, opAnd, opShiftLeft, opShiftRight   = 0x6a, 0x6b, 0x71, 0x74, 0x75
	opExtend16                                       = 0xc1
	noResult                                         = 0x40
)

// Join is codes, one after the other.
func Join(codes ...Code) Code { return slices.Concat(codes...) }

func join(op byte, codes ...Code) Code { return append(slices.Concat(codes...), op) }

// unsigned and signed append a number in groups of 7 bits (LEB128).
func unsigned(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func signed(b []byte, v int32) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v)&0x7f|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

// Const is the number v.
func Const(v int) Code { return signed(Code{opConst}, int32(uint32(v))) }

// Get is the value of l.
func (l Local) Get() Code { return unsigned(Code{opGet}, uint32(l)) }

// Set sets l.
func (l Local) Set(v Code) Code { return unsigned(join(opSet, v), uint32(l)) }

// Add adds n to l.
func (l Local) Add(n int) Code { return l.Set(Add(l.Get(), Const(n))) }

// Add is the sum of all, modulo 2^32.
func Add(a Code, others ...Code) Code {
	for _, b := range others {
		a = join(opAdd, a, b)
	}
	return a
}

// Sub is a - b, modulo 2^32.
func Sub(a, b Code) Code { return join(opSub, a, b) }

// And is the bits that a and b share.
func And(a, b Code) Code { return join(opAnd, a, b) }

// ShiftLeft is a shifted by n bits.
func ShiftLeft(a Code, n int) Code { return shift(opShiftLeft, a, n) }

// ShiftRight is a shifted by n bits, the sign kept.
func ShiftRight(a Code, n int) Code { return shift(opShiftRight, a, n) }

func shift(op byte, a Code, n int) Code {
	if n == 0 {
		return a
	}
	return join(op, a, Const(n))
}

// Extend16 is the low 16 bits of a as a signed number.
func Extend16(a Code) Code { return join(opExtend16, a) }

// Less, LessUnsigned and Greater are 1 if they hold, else 0.
func Less(a, b Code) Code         { return join(opLess, a, b) }
func LessUnsigned(a, b Code) Code { return join(opLessUnsigned, a, b) }
func Greater(a, b Code) Code      { return join(opGreater, a, b) }

// Select is yes if condition is not 0, else no; both are computed.
func Select(yes, no, condition Code) Code { return join(opSelect, yes, no, condition) }

// Load32, Load16 and Load8 are the number at address + offset.
func Load32(address Code, offset int) Code { return load(opLoad32, 2, address, offset) }
func Load16(address Code, offset int) Code { return load(opLoad16, 1, address, offset) }
func Load8(address Code, offset int) Code  { return load(opLoad8, 0, address, offset) }

func load(op byte, align uint32, address Code, offset int) Code {
	return unsigned(unsigned(join(op, address), align), uint32(offset))
}

// Store32 and Store8 write v, or its low 8 bits, to address + offset.
func Store32(address Code, offset int, v Code) Code {
	return load(opStore32, 2, Join(address, v), offset)
}
func Store8(address Code, offset int, v Code) Code {
	return load(opStore8, 0, Join(address, v), offset)
}

// Call calls a function without results.
func Call(f *Function, arguments ...Code) Code {
	return unsigned(join(opCall, arguments...), f.index)
}

// If runs yes if condition is not 0, else no, which may be nil.
func If(condition, yes, no Code) Code {
	code := append(join(opIf, condition), noResult)
	code = append(code, yes...)
	if no != nil {
		code = append(append(code, opElse), no...)
	}
	return append(code, opEnd)
}

// Until repeats body until condition, behind it, is 0: at least once.
func Until(condition Code, body ...Code) Code {
	code := append(Code{opLoop, noResult}, slices.Concat(body...)...)
	return append(append(code, condition...), opBranchIf, 0, opEnd)
}

// Repeat runs body times times, at least once; counter goes down to 0.
func Repeat(counter Local, times int, body ...Code) Code {
	if times == 1 {
		return Join(body...)
	}
	next := unsigned(Code{opTee}, uint32(counter))
	return Join(counter.Set(Const(times)), Until(Join(Sub(counter.Get(), Const(1)), next), body...))
}
