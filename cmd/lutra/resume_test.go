package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"lutra"
)

// TestKilledCompressResumes kills compress at several moments and demands that
// starting it again ends with the bytes of an undisturbed run.
func TestKilledCompressResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the command repeatedly")
	}
	dir := t.TempDir()
	tool := filepath.Join(dir, "lutra")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	net := filepath.Join(dir, "net.onnx")
	m, err := lutra.DemoModel(lutra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Save(net); err != nil {
		t.Fatal(err)
	}
	if err := drawSet(filepath.Join(dir, "calib"), 48, 5); err != nil {
		t.Fatal(err)
	}
	compress := func(out string) *exec.Cmd {
		cmd := exec.Command(tool, "compress", net, "-o", out, "--calib", filepath.Join(dir, "calib"))
		cmd.Stderr = os.Stderr
		return cmd
	}
	start := time.Now()
	undisturbed := filepath.Join(dir, "a.onnx")
	if err := compress(undisturbed).Run(); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(start)
	want, err := os.ReadFile(undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	resumed := filepath.Join(dir, "b.onnx")
	kills := 0
	for { // killed over and over, ever later, until it gets through
		cmd := compress(resumed)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(whole*time.Duration(kills+1)/8, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		kill.Stop()
		if err == nil {
			break
		}
		kills++
		if b, err := os.ReadFile(resumed); err == nil && !bytes.Equal(b, want) {
			t.Fatal("a killed run left an incomplete file")
		}
	}
	if kills < 2 {
		t.Errorf("only %d runs were killed: nothing was tested", kills)
	}
	got, err := os.ReadFile(resumed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the resumed run wrote other bytes than the undisturbed one")
	}
	if _, err := os.Stat(resumed + ".progress"); err == nil {
		t.Error("the progress is still there")
	}
}
