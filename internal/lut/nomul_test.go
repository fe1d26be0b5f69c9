package lut

import (
	"bufio"
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// hotFunctions are the functions that the scalar engine runs for every sample,
// as far as the compiler has not inlined them into each other.
const hotFunctions = `^lutra/internal/lut\.(\(\*scalar\w+(\[go\.shape\.\w+\])?\)\.(run|pool|group|gather|sum|put|signed)(\.func\d+)?|\(\*pane\)\.fill|\(\*Activation\)\.(Index|level)|add(Bytes|Wide)(\[go\.shape\.\w+\])?|unpack|low|high)$`

// calculating are instructions of amd64 that multiply, divide or calculate with
// floating-point numbers. Moves of 16 bytes are neither.
var calculating = regexp.MustCompile(`^(MULX?[BWLQ]?|IMUL.*|DIV.*|IDIV.*|F[A-Z]+.*|CVT.*|P?MUL.*|PMADD.*|(ADD|SUB|MUL|DIV|SQRT|MIN|MAX|CMP|U?COMI|ROUND|DP|HADD|HSUB)(SS|SD|PS|PD)|VF?N?M(ADD|SUB).*|V(ADD|SUB|MUL|DIV|CVT).*)$`)

// TestScalarIsMultiplicationFree disassembles the scalar engine in a test
// binary of this package: no instruction multiplies, divides or uses floating point.
func TestScalarIsMultiplicationFree(t *testing.T) {
	if runtime.GOARCH != "amd64" || testing.CoverMode() != "" {
		t.Skip("reads plain amd64 code")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool here")
	}
	exe := filepath.Join(t.TempDir(), "lut.test") // the running one has no symbols
	if out, err := exec.Command("go", "test", "-c", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code := disassemble(t, exe, hotFunctions)
	seen := map[string]bool{}
	for fn, instructions := range code {
		seen[strings.TrimSuffix(fn[strings.Index(fn, "lut."):], "-fm")] = true
		for _, in := range instructions {
			if calculating.MatchString(in) {
				t.Errorf("%s contains %s", fn, in)
			}
		}
	}
	for _, fn := range []string{"lut.(*scalarLinear[go.shape.uint32]).run", "lut.(*scalarLinear[go.shape.uint64]).run", "lut.(*scalarMax).run", "lut.(*scalarAvg).run", "lut.(*scalarSum).run", "lut.(*scalarConcat).run", "lut.(*scalarGather).run"} {
		if !seen[fn] {
			t.Errorf("%s was not found: is it renamed?", fn)
		}
	}
	// The reading itself: functions that do calculate are found out.
	for fn, instructions := range disassemble(t, exe, `^lutra/internal/lut\.binningOf$`) {
		if !regexp.MustCompile(`(?m)^(DIVSD|MULSD|ADDSD)$`).MatchString(strings.Join(instructions, "\n")) || !slices.ContainsFunc(instructions, calculating.MatchString) {
			t.Errorf("%s: no floating-point instruction found", fn)
		}
		seen["checked"] = true
	}
	if !seen["checked"] {
		t.Error("binningOf was not found")
	}
}

// disassemble lists the mnemonics of all functions whose names match.
func disassemble(t *testing.T, exe, names string) map[string][]string {
	t.Helper()
	text, err := exec.Command("go", "tool", "objdump", "-s", names, exe).Output()
	if err != nil {
		t.Fatalf("objdump: %v", err)
	}
	code := map[string][]string{}
	fn := ""
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) > 1 && fields[0] == "TEXT":
			fn = strings.TrimSuffix(fields[1], "(SB)")
		case len(fields) > 3: // file:line, address, bytes, mnemonic
			code[fn] = append(code[fn], fields[3])
		}
	}
	return code
}
