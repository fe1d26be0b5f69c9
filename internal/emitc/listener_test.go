package emitc

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lutra/internal/audio"
	"lutra/internal/lut"
)

// The listener is a program around an emitted library: it reads recordings and
// writes what the library makes of them (testdata/listener.c).

// stream is recordings as the listener reads them.
func stream(list []*audio.Recording) []byte {
	var b bytes.Buffer
	for _, r := range list {
		binary.Write(&b, binary.LittleEndian, uint32(len(r.Samples)))
		binary.Write(&b, binary.LittleEndian, r.Samples)
	}
	return b.Bytes()
}

// hear is what the listener should write about a recording.
func hear(t testing.TB, n *lut.Network, s *lut.Session, table *Bytes, r *audio.Recording) []byte {
	t.Helper()
	spectrum, err := audio.Spectrum(r)
	if err != nil {
		t.Fatal(err)
	}
	levels := s.Levels(n.Inputs[0].Tensor)
	for i, v := range spectrum {
		levels[i] = table[v]
	}
	out := slices.Clone(levels)
	s.Run()
	scores := s.Scores(n.Outputs[0].Tensor)
	return append(out, uint8(slices.Index(scores, slices.Max(scores))))
}

// listener is the program for a core, and how it is run; for the host, with
// sanitizers, if c is nil.
func listener(t testing.TB, c *core, n *lut.Network, o Options) []string {
	t.Helper()
	o.Name = "net"
	lib, err := Emit(n, o)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	save(t, dir, lib)
	source, err := filepath.Abs("testdata/listener.c")
	if err != nil {
		t.Fatal(err)
	}
	command := "gcc -std=c99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all " + warnings
	var emulator []string
	if c != nil {
		command = c.compiler + " -std=gnu99 -O2 -ffreestanding -nostdlib -static " + Flags
		emulator = strings.Fields(c.emulator)
	}
	if o.Stream {
		command += " -DSTREAMING"
	}
	args := append(strings.Fields(command+" -I. -o listener"), source)
	run(t, dir, args[0], append(args[1:], sources...)...)
	return append(emulator, filepath.Join(dir, "listener"))
}

// listen is what the program writes about the recordings.
func listen(t testing.TB, program []string, list []*audio.Recording) []byte {
	t.Helper()
	need(t, program[0])
	c := exec.Command(program[0], program[1:]...)
	c.Stdin = bytes.NewReader(stream(list))
	var out, errors bytes.Buffer
	c.Stdout, c.Stderr = &out, &errors
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(program, " "), err, errors.Bytes())
	}
	return out.Bytes()
}

// counter is a plugin that counts the instructions of an emulated program.
func counter(t testing.TB) string {
	t.Helper()
	plugin := filepath.Join(t.TempDir(), "count.so")
	run(t, ".", "gcc", "-O2", "-shared", "-fPIC", "-o", plugin, "testdata/count.c")
	return plugin
}

// counted is the instructions that a program takes.
func counted(t testing.TB, plugin string, program []string, list []*audio.Recording) int {
	t.Helper()
	last := len(program) - 1
	program = append(program[:last:last], "-plugin", plugin, program[last])
	need(t, program[0])
	c := exec.Command(program[0], program[1:]...)
	c.Stdin = bytes.NewReader(stream(list))
	var errors bytes.Buffer
	c.Stderr = &errors
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errors.Bytes())
	}
	count, err := strconv.Atoi(strings.TrimSpace(errors.String()))
	if err != nil {
		t.Fatal(err)
	}
	return count
}
