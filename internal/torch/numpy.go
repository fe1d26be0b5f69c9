package torch

import (
	"encoding/binary"
	"fmt"
	"math"

	"lutra/internal/tensor"
)

// numpyType is a numpy.dtype of a scalar: checkpoints hold accuracies and
// epoch numbers as numpy scalars.
type numpyType struct {
	size int
	read func(bits uint64) Value
}

var numpyTypes = map[string]*numpyType{
	"f8": {8, func(b uint64) Value { return math.Float64frombits(b) }},
	"f4": {4, func(b uint64) Value { return float64(math.Float32frombits(uint32(b))) }},
	"f2": {2, func(b uint64) Value { return float64(tensor.FromHalf(uint16(b))) }},
	"i8": {8, func(b uint64) Value { return int64(b) }},
	"i4": {4, func(b uint64) Value { return int64(int32(b)) }},
	"u1": {1, func(b uint64) Value { return int64(b) }},
	"b1": {1, func(b uint64) Value { return b != 0 }},
}

// newNumpyType is numpy.dtype(code, align, copy).
func newNumpyType(u *unpickler, args Tuple) (Value, error) {
	if len(args) == 3 {
		if code, ok := args[0].(string); ok {
			if t, ok := numpyTypes[code]; ok {
				return t, nil
			}
			return nil, u.fail("a numpy scalar type", fmt.Sprintf("%.20q", code))
		}
	}
	return nil, u.badArgs("numpy.dtype", "code, align, copy", args)
}

// checkNumpyState accepts the state (version, byte order, ...) of a
// little-endian dtype without fields.
func (u *unpickler) checkNumpyState(t *numpyType, state Value) error {
	s, ok := state.(Tuple)
	if !ok || len(s) < 3 {
		return u.fail("the state of a dtype", typeName(state))
	}
	order, _ := s[1].(string)
	if s[2] != nil || (order != "<" && (order != "|" || t.size != 1)) {
		return u.fail("a little-endian scalar type", fmt.Sprintf("byte order %.8q", order))
	}
	return nil
}

// newNumpyScalar is scalar(dtype, bytes).
func newNumpyScalar(u *unpickler, args Tuple) (Value, error) {
	if len(args) == 2 {
		t, ok1 := args[0].(*numpyType)
		b, ok2 := args[1].([]byte)
		if ok1 && ok2 && len(b) == t.size {
			var wide [8]byte
			copy(wide[:], b)
			return t.read(binary.LittleEndian.Uint64(wide[:])), u.spend(costScalar)
		}
	}
	return nil, u.badArgs("scalar", "dtype, bytes", args)
}

// encodeLatin1 is how protocol 2 writes bytes: encode(text, "latin1").
func encodeLatin1(u *unpickler, args Tuple) (Value, error) {
	if len(args) == 2 && args[1] == Value("latin1") {
		if s, ok := args[0].(string); ok {
			if err := u.spend(len(s)); err != nil {
				return nil, err
			}
			b := make([]byte, 0, len(s))
			for _, r := range s {
				if r > 255 {
					return nil, u.fail("latin-1 text", fmt.Sprintf("%U", r))
				}
				b = append(b, byte(r))
			}
			return b, nil
		}
	}
	return nil, u.badArgs("encode", `text, "latin1"`, args)
}
