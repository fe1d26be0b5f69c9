package emitc

import (
	"os/exec"
	"strings"
	"testing"
)

// FuzzC compares C libraries of networks from other seeds with the engine, by
// their self-test. An execution compiles: hundreds are as long as a hundred
// thousand of other targets.
func FuzzC(f *testing.F) {
	need(f, "cc")
	f.Add(uint64(2000))
	f.Fuzz(func(t *testing.T, seed uint64) {
		n := draw(seed)
		dir, _ := emit(t, n, inputs(n, seed, 3))
		run(t, dir, "cc", append(strings.Fields("-std=c99 -O0 -o net main.c"), sources...)...)
		c := exec.Command("./net")
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, out)
		}
	})
}
