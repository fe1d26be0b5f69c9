package data

import (
	"bytes"
	"strings"
	"testing"

	"lutra/internal/tensor"
)

// npyGolden is numpy.save of array([[1.5, -2], [0, 3]], float32), NumPy 1.24.
const npyGolden = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }                                                          \n" +
	"\x00\x00\xc0\x3f\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x40\x40"

func TestNPY(t *testing.T) {
	a, err := DecodeNPY("a.npy", []byte(npyGolden))
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Float32s(); !a.Shape.Equal(tensor.Shape{2, 2}) || got[0] != 1.5 || got[1] != -2 || got[3] != 3 {
		t.Errorf("%v %v", a.Shape, got)
	}
	var b bytes.Buffer
	if err := EncodeNPY(&b, a); err != nil || b.String() != npyGolden {
		t.Errorf("%v: wrote %q", err, b.String())
	}
	for _, x := range []*tensor.Tensor{tensor.New(tensor.Int64, 3), tensor.New(tensor.Uint8), tensor.New(tensor.Float16, 2, 0, 5)} {
		b.Reset()
		if err := EncodeNPY(&b, x); err != nil {
			t.Fatal(err)
		}
		y, err := DecodeNPY("b", b.Bytes())
		if err != nil || y.DType != x.DType || !y.Shape.Equal(x.Shape) {
			t.Errorf("%v %v: %v", x.DType, x.Shape, err)
		}
	}
}

func TestNPYRefuses(t *testing.T) {
	for _, change := range [][2]string{
		{"NUMPY", "NUMPI"}, {"<f4", ">f4"}, {"<f4", "|O8"}, {"False", "True "}, {"(2, 2)", "(2, 3)"},
		{"(2, 2)", "(2,-2)"}, {"'shape'", "'shapf'"}, {"v\x00", "\xff\xff"},
	} {
		if _, err := DecodeNPY("a.npy", []byte(strings.Replace(npyGolden, change[0], change[1], 1))); err == nil {
			t.Errorf("%q for %q accepted", change[1], change[0])
		}
	}
	for i := range npyGolden {
		if _, err := DecodeNPY("a.npy", []byte(npyGolden[:i])); err == nil {
			t.Errorf("prefix of %d bytes accepted", i)
		}
	}
}
