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

// build builds the command in a folder of its own.
func build(t *testing.T) (dir, tool string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the command repeatedly")
	}
	dir = t.TempDir()
	tool = filepath.Join(dir, "lutra")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir, tool
}

// TestKilledCompressResumes kills compress at several moments and demands that
// starting it again ends with the bytes of an undisturbed run.
func TestKilledCompressResumes(t *testing.T) {
	dir, tool := build(t)
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
		return exec.Command(tool, "compress", net, "-o", out, "--calib", filepath.Join(dir, "calib"))
	}
	resumed := killOver(t, dir, compress)
	if _, err := os.Stat(resumed + ".progress"); err == nil {
		t.Error("the progress is still there")
	}
}

// TestKilledTrainResumes is the same for train, which is told to resume.
func TestKilledTrainResumes(t *testing.T) {
	dir, tool := build(t)
	set := filepath.Join(dir, "set")
	if err := drawSet(set, 200, 5); err != nil {
		t.Fatal(err)
	}
	resumed := killOver(t, dir, func(out string) *exec.Cmd {
		args := []string{"train", "resnet8", "--data", set, "-o", out, "--width", "0.5", "--epochs", "4", "--batch", "20", "--every", "1ms"}
		if _, err := os.Stat(out + ".checkpoint"); err == nil {
			args = append(args, "--resume")
		}
		return exec.Command(tool, args...)
	})
	if _, err := os.Stat(resumed + ".checkpoint"); err == nil {
		t.Error("the checkpoint is still there")
	}
}

// killOver runs a command undisturbed and then again, killed over and over,
// ever later, until it gets through, and demands the same file. It returns the second.
func killOver(t *testing.T, dir string, command func(out string) *exec.Cmd) string {
	t.Helper()
	start := time.Now()
	undisturbed := filepath.Join(dir, "a.onnx")
	if out, err := command(undisturbed).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	want, err := os.ReadFile(undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	resumed := filepath.Join(dir, "b.onnx")
	kills := 0
	for {
		cmd := command(resumed)
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
	return resumed
}
