package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"lutra/internal/glyph"
	"lutra/internal/kernel"
)

// fails runs a command that must exit with 1: input that is wrong, work that failed.
func fails(ts *testscript.TestScript, neg bool, args []string) { exits(ts, neg, exitFailed, args) }

// misused runs a command that must exit with 2: a call that is wrong.
func misused(ts *testscript.TestScript, neg bool, args []string) { exits(ts, neg, exitUsage, args) }

func exits(ts *testscript.TestScript, neg bool, want int, args []string) {
	if neg {
		ts.Fatalf("a command that must not fail is to be run by exec")
	}
	var exit *exec.ExitError
	if err := ts.Exec(args[0], args[1:]...); !errors.As(err, &exit) || exit.ExitCode() != want {
		ts.Fatalf("%v, want exit code %d", err, want)
	}
	checkError(ts, ts.ReadFile("stderr"))
}

// checkError demands that the last line, and only that, is the error.
func checkError(ts *testscript.TestScript, stderr string) {
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "lutra: ") != (i == len(lines)-1) {
			ts.Fatalf("want one line of error, the last, found %q", stderr)
		}
	}
}

// interrupt runs a command and sends it SIGINT, as Control-C does: when a file
// or folder of the given name (* for any part) is there, or, with -, once it
// has begun to work. It must stop within seconds, exit with 130 and say so in a
// line that matches the expression.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: interrupt FILE|- REGEXP COMMAND ...")
	}
	for delay := 50 * time.Millisecond; ; delay *= 2 {
		cmd := exec.Command(args[2], args[3:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), append(os.Environ(), "LUTRA_CPU="+ts.Getenv("LUTRA_CPU"))
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		ts.Check(cmd.Start())
		if args[0] == "-" {
			time.Sleep(delay)
		} else {
			waitFor(ts, ts.MkAbs(args[0]))
		}
		ts.Check(cmd.Process.Signal(os.Interrupt))
		sent := time.Now()
		err := cmd.Wait()
		if cmd.ProcessState.ExitCode() == -1 && delay < time.Minute {
			continue // it had not yet begun, so that the signal ended the process
		}
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
			ts.Fatalf("%v, want exit code %d; stderr: %s", err, exitInterrupted, stderr.String())
		}
		if took := time.Since(sent); took > 20*time.Second {
			ts.Fatalf("it went on for %v", took)
		}
		checkError(ts, stderr.String())
		if line := stderr.String(); !regexp.MustCompile(args[1]).MatchString(line) || !strings.Contains(line, "lutra: interrupted") {
			ts.Fatalf("stderr %q, want %q", line, args[1])
		}
		if stdout.Len() > 0 {
			ts.Fatalf("stdout %q", stdout.String())
		}
		return
	}
}

func waitFor(ts *testscript.TestScript, pattern string) {
	for start := time.Now(); time.Since(start) < 2*time.Minute; time.Sleep(5 * time.Millisecond) {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return
		}
	}
	ts.Fatalf("%s did not appear", pattern)
}

// onLevel is the condition level:NAME: whether the processor has an instruction set.
func onLevel(cond string) (bool, error) {
	name, ok := strings.CutPrefix(cond, "level:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	level, err := kernel.ParseLevel(name)
	return err == nil && level.Supported(), nil
}

// briefly names commands that end within a moment, on which a signal in the
// middle of their work cannot be tested: TestInterruptedBefore is what is left,
// and TestInterruptedMeanwhile for convert.
var briefly = []string{"completion", "convert", "help", "man"}

// TestScriptsCoverCommands demands of every command scripts in which it
// succeeds, fails, is called wrongly, and is interrupted.
func TestScriptsCoverCommands(t *testing.T) {
	covered := map[string]map[string]bool{}
	line := regexp.MustCompile(`^(?:\[[^]]*\] )?(?:(exec|fails|misused) lutra|(interrupt) .* lutra) ([a-z][a-z-]*)`)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(text)) {
			if m := line.FindStringSubmatch(l); m != nil {
				if covered[m[3]] == nil {
					covered[m[3]] = map[string]bool{}
				}
				covered[m[3]][m[1]+m[2]] = true
			}
			if strings.HasPrefix(l, "! exec lutra") {
				t.Errorf("%s: %q: fails and misused check the exit code, too", name, l)
			}
		}
	}
	for _, c := range commands() {
		for _, how := range []string{"exec", "fails", "misused", "interrupt"} {
			brief := how == "interrupt" && slices.Contains(briefly, c.Name())
			generated := slices.Contains([]string{"help", "completion"}, c.Name()) // cobra's own: no work that could fail
			if !covered[c.Name()][how] && !brief && !(generated && how == "fails") {
				t.Errorf("no script with %q lutra %s", how, c.Name())
			}
		}
	}
}

// commands lists all sub-commands, those that cobra adds included.
func commands() []*cobra.Command {
	root := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("help")
	return root.Commands()
}

// TestInterruptedBefore starts commands when the signal has come already: they
// leave no file behind and say what happened.
func TestInterruptedBefore(t *testing.T) {
	dir := t.TempDir()
	net := filepath.Join(dir, "net.onnx")
	writeFile(t, net, glyph.Network())
	for _, args := range [][]string{
		{"convert", net, "-o", filepath.Join(dir, "x.onnx")},
		{"emit-c", net, "-o", filepath.Join(dir, "c")},
		{"man", "-o", filepath.Join(dir, "pages")},
		{"inspect", net},
		{"demo", "-o", filepath.Join(dir, "demo.onnx")},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		stdout, stderr := new(bytes.Buffer), new(bytes.Buffer)
		if code := run(ctx, args, stdout, stderr); code != exitInterrupted || stderr.String() != "lutra: interrupted\n" || stdout.Len() > 0 {
			t.Errorf("%s: exit code %d, stderr %q, stdout %q", args[0], code, stderr, stdout)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestDamagedModel runs every command that takes a model on a file that is
// none: exit code 1, the file by name, no output.
func TestDamagedModel(t *testing.T) {
	dir := t.TempDir()
	bad, good, images, out := filepath.Join(dir, "bad.onnx"), filepath.Join(dir, "net.onnx"), filepath.Join(dir, "images"), filepath.Join(dir, "out.onnx")
	writeFile(t, bad, []byte("not a model"))
	writeFile(t, good, glyph.Network())
	if err := drawSet(images, 2, 1); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"bench", bad}, {"bench", good, "--vs", bad}, {"calibrate", bad, "--data", images, "-o", out}, {"compare", bad, good, "--data", images}, {"compare", good, bad, "--data", images},
		{"compress", bad, "-o", out, "--calib", images}, {"compress", bad, "--dry-run"}, {"convert", bad, "-o", out}, {"emit-c", bad, "-o", out}, {"eval", bad, images},
		{"inspect", bad}, {"inspect", bad, "--plan"}, {"inspect", good, "--reference", bad}, {"run", bad, images}, {"sensitivity", bad, "--data", images},
		{"sweep", bad, "--data", images, "-o", out + ".json", "--hold-out", "0.5"}, {"train", bad, "--data", images, "-o", out, "--hold-out", "0.5"},
		{"tune", bad, "--teacher", good, "--data", images, "-o", out}, {"tune", good, "--teacher", bad, "--data", images, "-o", out},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), args, &stdout, &stderr)
		if lines := strings.Count(stderr.String(), "\n"); code != exitFailed || !strings.HasPrefix(stderr.String(), "lutra: ") || !strings.Contains(stderr.String(), "bad.onnx") || lines != 1 {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// drawLarge draws a black square so large that reading it takes a while, under
// many names: work that can be interrupted.
func drawLarge(ts *testscript.TestScript, _ bool, args []string) {
	const side, copies = 3000, 60
	dir := ts.MkAbs(args[0])
	ts.Check(writeSet(dir, 1, side, func(int) ([]uint8, int) { return make([]uint8, 3*side*side), 0 }))
	table := "file,class_index\n"
	for i := range copies {
		name := fmt.Sprintf("%04d.png", i)
		table += name + ",0\n"
		if i > 0 {
			ts.Check(os.Link(filepath.Join(dir, "0000.png"), filepath.Join(dir, name)))
		}
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "labels.csv"), []byte(table), 0o644))
}
