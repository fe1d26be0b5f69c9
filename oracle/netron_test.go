package oracle

import (
	"os"
	"os/exec"
	"testing"
)

// opensInNetron demands that Netron's parser shows the codebooks of a file (netron.mjs).
func opensInNetron(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat("node_modules/@visualdl/netron"); err != nil {
		if os.Getenv("LUTRA_REQUIRE_TOOLS") != "" {
			t.Fatalf("%v (run oracle/fetch.sh)", err)
		}
		t.Logf("not opened in Netron: %v (run oracle/fetch.sh)", err)
		return
	}
	out, err := exec.Command("node", "netron.mjs", path).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
