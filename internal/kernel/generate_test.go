package kernel

import (
	"os/exec"
	"testing"
)

// TestGenerated fails if an assembly file is not what the generator writes.
func TestGenerated(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go tool here")
	}
	cmd := exec.Command(goTool, "run", ".", "-check")
	cmd.Dir = "_gen"
	cmd.Env = append(cmd.Environ(), "GOOS=", "GOARCH=", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
