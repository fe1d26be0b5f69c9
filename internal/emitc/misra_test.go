package emitc

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"lutra/internal/lut"
)

// TestMISRA: the rules of MISRA C:2012 that cppcheck finds violated are those
// that docs/embedded.md lists, with reasons.
func TestMISRA(t *testing.T) {
	t.Parallel()
	need(t, "cppcheck")
	docs, err := os.ReadFile("../../docs/embedded.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+\.\d+) \|`).FindAllStringSubmatch(string(docs), -1) {
		listed[m[1]] = true
	}
	found := map[string]string{}
	for _, n := range []*lut.Network{complete(2, 1, 1000), complete(4, 2, 256), spotter()} {
		dir, _ := emit(t, n, inputs(n, 1, 2))
		out := run(t, dir, "cppcheck", "--addon=misra", "--std=c99", "--enable=style", "-q", "--template={id} {file}:{line}", "net.c", "net_selftest.c")
		for _, m := range regexp.MustCompile(`misra-c2012-(\S+) (.*)`).FindAllStringSubmatch(string(out), -1) {
			found[m[1]] = m[2]
		}
	}
	if want, got := slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Errorf("rules %q are violated, docs/embedded.md lists %q\n%v", got, want, found)
	}
}
