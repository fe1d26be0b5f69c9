package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"lutra/internal/emitc"
)

// core is a core that QEMU emulates. Without extension M a multiplication is an
// illegal instruction of RV32I.
type core struct{ compiler, emulator string }

var cores = map[string]core{
	"M0":    {"arm-none-eabi-gcc -mthumb -mcpu=cortex-m0 -Wl,-Ttext-segment=0x10000", "qemu-arm"},
	"M3":    {"arm-none-eabi-gcc -mthumb -mcpu=cortex-m3 -Wl,-Ttext-segment=0x10000", "qemu-arm"},
	"M4":    {"arm-none-eabi-gcc -mthumb -mcpu=cortex-m4 -Wl,-Ttext-segment=0x10000", "qemu-arm"},
	"RV32I": {"riscv64-unknown-elf-gcc -march=rv32i -mabi=ilp32", "qemu-riscv32 -cpu rv32,m=off,a=off,f=off,d=off,c=off"},
}

// tools compile and run a network in a folder of its own.
type tools struct {
	*network
	dir string
}

// sources are emitc's program around a network, and its counting plugin for QEMU.
const sources = "../internal/emitc/testdata"

func newTools(n *network) (*tools, error) {
	dir, err := os.MkdirTemp("", "cores")
	if err != nil {
		return nil, err
	}
	t := &tools{n, dir}
	files := map[string][]byte{}
	for name, b := range n.lib.Files {
		if ext := filepath.Ext(name); !strings.Contains(name, "/") && (ext == ".c" || ext == ".h") {
			files[name] = b
		}
	}
	for _, name := range []string{"pipe.c", "count.c"} {
		if files[name], err = os.ReadFile(filepath.Join(sources, name)); err != nil {
			return t, err
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return t, err
		}
	}
	return t, t.run("gcc -O2 -shared -fPIC -o count.so count.c")
}

func (t *tools) close() { os.RemoveAll(t.dir) }

func (t *tools) run(command string) error {
	args := strings.Fields(command)
	c := exec.Command(args[0], args[1:]...)
	c.Dir = t.dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %v\n%s", command, err, out)
	}
	return nil
}

// measure is the instructions of an inference on a core and the bytes of its
// code, without the loop that feeds it. Its outputs must be those of the engine in Go.
func (t *tools) measure(name string) (instructions float64, code int, err error) {
	c, ok := cores[name]
	if !ok {
		return 0, 0, fmt.Errorf("core %q: expected M0, M3, M4 or RV32I", name)
	}
	flags := " -std=gnu99 -O2 -ffreestanding -nostdlib -static -I. " + emitc.Flags
	for _, command := range []string{" -c net.c -o net.o", " -o " + name + " pipe.c net.o net_data.c"} {
		if err := t.run(c.compiler + flags + command); err != nil {
			return 0, 0, err
		}
	}
	if code, err = codeBytes(filepath.Join(t.dir, "net.o")); err != nil {
		return 0, 0, err
	}
	args := append(strings.Fields(c.emulator), "-plugin", filepath.Join(t.dir, "count.so"), filepath.Join(t.dir, name))
	var got, count bytes.Buffer
	p := exec.Command(args[0], args[1:]...)
	p.Stdin, p.Stdout, p.Stderr = bytes.NewReader(t.levels), &got, &count
	if err := p.Run(); err != nil {
		return 0, 0, fmt.Errorf("%s: %v\n%s", strings.Join(args, " "), err, &count)
	}
	if !bytes.Equal(got.Bytes(), t.want) {
		return 0, 0, fmt.Errorf("%s: outputs differ from those of the engine in Go", name)
	}
	total, err := strconv.Atoi(strings.TrimSpace(count.String()))
	return float64(total) / float64(len(t.inputs)), code, err
}

// codeBytes is what an object file takes of flash: code, and the definitions of
// layers.
func codeBytes(path string) (int, error) {
	f, err := elf.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n := 0
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
			n += int(s.Size)
		}
	}
	return n, nil
}
