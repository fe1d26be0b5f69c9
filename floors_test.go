package lutra_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors orders the packages of the module (see ARCHITECTURE.md). A package
// may import only packages of lower floors.
var floors = map[string]int{
	"lutra/internal/tensor":      0,
	"lutra/internal/safe":        0,
	"lutra/internal/kernel":      0,
	"lutra/internal/plot":        0,
	"lutra/internal/realdata":    0,
	"lutra/internal/onnx/onnxpb": 0,
	"lutra/internal/nomul":       0,
	"lutra/internal/cluster":     0,
	"lutra/internal/wasm":        0,
	"lutra/internal/report":      1,
	"lutra/internal/graph":       1,
	"lutra/internal/engine":      2,
	"lutra/internal/lut":         2,
	"lutra/internal/levels":      2,
	"lutra/internal/onnx":        2,
	"lutra/internal/torch":       2,
	"lutra/internal/tflite":      2,
	"lutra/internal/network":     2,
	"lutra/internal/audio":       1,
	"lutra/internal/compress":    3,
	"lutra/internal/fit":         3,
	"lutra/internal/emitc":       3,
	"lutra/internal/calibrate":   3,
	"lutra/internal/data":        2,
	"lutra/internal/glyph":       3,
	"lutra/internal/train":       2,
	"lutra/internal/conformance": 3,
	"lutra":                      4,
	"lutra/cmd/lutra":            5,
}

// TestFloors enforces the direction of imports, and that every package has a floor.
func TestFloors(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := fields[0]
		floor, ok := floors[pkg]
		if !ok {
			t.Errorf("%s has no floor: add it to ARCHITECTURE.md and to this table", pkg)
			continue
		}
		for _, imp := range fields[1:] {
			// Floor 0 packages may use tensor and safe, which use nothing.
			base := slices.Contains([]string{"lutra/internal/tensor", "lutra/internal/safe"}, imp)
			if f, ours := floors[imp]; ours && f >= floor && !(floor == 0 && base) {
				t.Errorf("%s (floor %d) imports %s (floor %d)", pkg, floor, imp, f)
			}
		}
	}
}
