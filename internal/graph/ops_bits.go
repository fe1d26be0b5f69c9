package graph

// bitOps work on the bits of integers.
var bitOps = []Operator{
	binary("BitwiseAnd", 18, bitwise), binary("BitwiseOr", 18, bitwise),
	binary("BitwiseXor", 18, bitwise), binary("BitShift", 11, bitwise),
	loop("BitwiseNot", 18, perType{}.and(
		mapped(invert[int8]), mapped(invert[int16]), mapped(invert[int32]), mapped(invert[int64]),
		mapped(invert[uint8]), mapped(invert[uint16]), mapped(invert[uint32]), mapped(invert[uint64]))),
}

var bitwise = perType{}.and(
	fold(bitLoop[int8]), fold(bitLoop[int16]), fold(bitLoop[int32]), fold(bitLoop[int64]),
	fold(bitLoop[uint8]), fold(bitLoop[uint16]), fold(bitLoop[uint32]), fold(bitLoop[uint64]))

func bitLoop[T integer](n *Node) loop2[T] {
	switch n.Op {
	case "BitwiseAnd":
		return each(func(x, y T) T { return x & y })
	case "BitwiseOr":
		return each(func(x, y T) T { return x | y })
	case "BitwiseXor":
		return each(func(x, y T) T { return x ^ y })
	}
	// BitShift. Go's shifts by more than the width give 0; only signed types,
	// which ONNX does not have here, could ask for a negative shift.
	if n.String("direction", "") == "RIGHT" {
		return each(func(x, y T) T { return x >> uint64(y) })
	}
	return each(func(x, y T) T { return x << uint64(y) })
}

func invert[T integer](dst, src []T) {
	for i, x := range src {
		dst[i] = ^x
	}
}
