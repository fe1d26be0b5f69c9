package compress

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// TestCalibrationHash demands that the file names its calibration data by the
// numbers in little-endian order, also on big-endian machines.
func TestCalibrationHash(t *testing.T) {
	src := randomSamples(5, 2, testInput)
	out, _ := mustRun(t, testNet(), src, Small())
	var numbers bytes.Buffer
	for _, x := range src {
		if err := binary.Write(&numbers, binary.LittleEndian, []float32(x)); err != nil {
			t.Fatal(err)
		}
	}
	sum := sha256.Sum256(numbers.Bytes())
	want := `"calibration":"` + hex.EncodeToString(sum[:]) + `"`
	for _, v := range out.Meta {
		if strings.Contains(v, want) {
			return
		}
	}
	t.Errorf("no metadata with %s: %v", want, out.Meta)
}
