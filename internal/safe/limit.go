package safe

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
)

// Limits on what lutra accepts from a file.
const (
	MaxTensors     = 65536
	MaxNodes       = 100_000
	MaxNameBytes   = 512
	MaxMetaBytes   = 1 << 20                 // one metadata value
	MaxNesting     = 64                      // functions and sub-graphs
	MaxPixels      = 64 << 20                // an image, before it is decoded
	MaxModelBytes  = min(2<<30, math.MaxInt) // a model file
	MaxActivations = min(4<<30, math.MaxInt) // bytes that a plan may ask for; less where addresses have 32 bits
)

// Mul multiplies counts read from a file. It fails on negative factors and on overflow.
func Mul(factors ...int) (int, error) {
	n := uint64(1)
	for _, f := range factors {
		if f < 0 {
			return 0, fmt.Errorf("negative count %d", f)
		}
		hi, lo := bits.Mul64(n, uint64(f))
		if hi != 0 || lo > math.MaxInt>>1 {
			return 0, fmt.Errorf("product of %v overflows", factors)
		}
		n = lo
	}
	return int(n), nil
}

// ReadFile reads a regular file of at most limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path) // to open a pipe would wait for who writes to it
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &FormatError{File: path, Expected: "a regular file", Found: kind(st.Mode())}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err = f.Stat(); err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, &FormatError{File: path, Expected: fmt.Sprintf("at most %d bytes", limit), Found: fmt.Sprint(st.Size())}
	}
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, &FormatError{File: path, Err: err}
	}
	return b, nil
}
