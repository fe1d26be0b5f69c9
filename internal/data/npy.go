package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"lutra/internal/safe"
	"lutra/internal/tensor"
)

// npyTypes are NumPy's names of little-endian element types.
var npyTypes = map[string]tensor.DType{
	"<f4": tensor.Float32, "<f8": tensor.Float64, "<f2": tensor.Float16,
	"|u1": tensor.Uint8, "|i1": tensor.Int8, "|b1": tensor.Bool,
	"<u2": tensor.Uint16, "<i2": tensor.Int16, "<u4": tensor.Uint32, "<i4": tensor.Int32,
	"<u8": tensor.Uint64, "<i8": tensor.Int64,
}

var npyHeader = regexp.MustCompile(`^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), *\}\s*$`)

const npyMagic = "\x93NUMPY"

// DecodeNPY reads an array in NumPy's .npy format (versions 1 to 3,
// little-endian, C order); name is for errors.
func DecodeNPY(name string, b []byte) (*tensor.Tensor, error) {
	fail := func(field, want, got string) (*tensor.Tensor, error) {
		return nil, &safe.FormatError{File: name, Field: field, Expected: want, Found: got}
	}
	if len(b) < 12 || string(b[:6]) != npyMagic {
		return fail("magic", "a NumPy .npy file", fmt.Sprintf("%.6q", b))
	}
	if b[6] < 1 || b[6] > 3 {
		return fail("version", "1 to 3", fmt.Sprint(b[6]))
	}
	start, size := 10, int(binary.LittleEndian.Uint16(b[8:]))
	if b[6] >= 2 {
		start, size = 12, int(binary.LittleEndian.Uint32(b[8:]))
	}
	if size > len(b)-start || size > 1<<16 {
		return fail("header", fmt.Sprintf("at most %d bytes", len(b)-start), fmt.Sprint(size))
	}
	m := npyHeader.FindStringSubmatch(string(b[start:][:size]))
	if m == nil {
		return fail("header", "a dictionary of descr, fortran_order and shape", strconv.Quote(string(b[start:][:min(size, 80)])))
	}
	dtype, ok := npyTypes[m[1]]
	if !ok {
		return fail("descr", "a little-endian number type", strconv.Quote(m[1]))
	}
	if m[2] == "True" {
		return fail("fortran_order", "False", "True")
	}
	var shape tensor.Shape
	for s := range strings.SplitSeq(m[3], ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		d, err := strconv.Atoi(s)
		if err != nil {
			return fail("shape", "integers", m[3])
		}
		shape = append(shape, d)
	}
	body := b[start+size:]
	n, err := shape.CheckedElems(safe.MaxModelBytes)
	if err != nil || n*dtype.Size() != len(body) {
		return fail("data", fmt.Sprintf("%v of shape %v", dtype, shape), fmt.Sprintf("%d bytes", len(body)))
	}
	return tensor.FromLittleEndian(dtype, body, shape...), nil
}

// EncodeNPY writes t in NumPy's .npy format, version 1.
func EncodeNPY(w io.Writer, t *tensor.Tensor) error {
	var descr string
	for name, d := range npyTypes {
		if d == t.DType {
			descr = name
		}
	}
	if descr == "" {
		return fmt.Errorf("%v has no .npy type", t.DType)
	}
	var shape strings.Builder
	for _, d := range t.Shape {
		fmt.Fprintf(&shape, "%d, ", d)
	}
	dims := strings.TrimSuffix(shape.String(), " ")
	if len(t.Shape) != 1 {
		dims = strings.TrimSuffix(dims, ",")
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, dims)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	prefix := append([]byte(npyMagic), 1, 0, byte(len(header)), byte(len(header)>>8))
	for _, b := range [][]byte{prefix, []byte(header), t.LittleEndian()} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
