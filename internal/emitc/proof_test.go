package emitc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lutra/internal/lut"
	"lutra/internal/nomul"
)

// targets are compilers for cores, most of them without multiplier or FPU.
var targets = []struct{ name, command string }{
	{"thumbv6m", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m0"},
	{"thumbv7m", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m3"},
	{"thumbv7em", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m4"},
	{"thumbv8m", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m33"},
	{"rv32i", "riscv64-unknown-elf-gcc -march=rv32i -mabi=ilp32"},
	{"rv32imac", "riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32"},
	{"x86-64", "gcc -mgeneral-regs-only -fno-pic -fcf-protection=none -fno-asynchronous-unwind-tables"},
	{"clang thumbv6m", "clang --target=thumbv6m-none-eabi -mcpu=cortex-m0"},
	{"clang wasm32", "clang --target=wasm32"},
}

// complete is a network that needs every kernel: scalar, pair or both.
func complete(seed uint64, size, words int) *lut.Network {
	d := newDrawing(seed, 3, 12, 12)
	x := d.linear(0, 16, words, size, window(3, 1), 1, -1, false)
	for _, w := range []lut.Window{window(3, 1), window(3, 2), window(5, 1)} { // the three kernels of depthwise filters
		x = d.linear(x, 16, min(words, 256), 1, w, 16, -1, false)
	}
	y := d.linear(x, 16, words, size, window(1, 1), 1, x, false)
	x = d.gather(d.sum(x, y), false)
	x = d.pool(d.concat(x, y), window(2, 2), false)
	x = d.pool(x, window(3, 2), true)
	x = d.dense(x, 20, words, size, false)
	return d.output(d.dense(x, 10, words, size, true))
}

// TestNoMultiply proves of the machine code for all targets that it neither
// multiplies nor divides nor uses floating point, nor wants a library. With
// -full at all levels of optimisation.
func TestNoMultiply(t *testing.T) {
	levels := []string{"-O2"}
	if *full {
		levels = []string{"-Os", "-O2", "-O3"}
	}
	for _, target := range targets {
		for _, n := range []*lut.Network{complete(2, 1, 1000), complete(4, 2, 256), spotter()} {
			t.Run(target.name+" "+n.Name, func(t *testing.T) {
				t.Parallel()
				dir, _ := emit(t, n, inputs(n, 1, 2))
				data := compile(t, dir, target.command, "net_data") // no code
				for _, level := range levels {
					command := target.command + " " + level
					found, err := nomul.Check(data, compile(t, dir, command, "net"), compile(t, dir, command, "net_selftest"))
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range found {
						if !strings.Contains(f.What, "__stack_pointer") && !strings.Contains(f.What, "symbol net_") {
							t.Errorf("%s: %s", level, f)
						}
					}
				}
			})
		}
	}
}

// compile is the object file of a source in dir.
func compile(t testing.TB, dir, command, source string) nomul.Object {
	t.Helper()
	args := strings.Fields(command + " -std=c99 -ffreestanding -nostdinc -c")
	need(t, args[0])
	if args[0] == "clang" {
		args = append(args, "-isystem", strings.TrimSpace(string(run(t, dir, "clang", "-print-resource-dir")))+"/include")
	} else {
		args = append(args, "-isystem", strings.TrimSpace(string(run(t, dir, args[0], "-print-file-name=include"))))
		args = append(args, strings.Fields(Flags)...)
	}
	object := source + ".o"
	run(t, dir, args[0], append(args[1:], source+".c", "-o", object)...)
	b, err := os.ReadFile(filepath.Join(dir, object))
	if err != nil {
		t.Fatal(err)
	}
	return nomul.Object{Name: object, Data: b}
}

// start is the entry of a program for emulated Linux without a C library: it
// exits with the result of the self-test.
var start = map[string]string{
	"arm": `#include "net.h"
static union { uint64_t align; uint8_t bytes[NET_ARENA_SIZE]; } arena;
void _start(void) {
	register long r0 __asm("r0") = (long)net_selftest(&arena);
	register long r7 __asm("r7") = 1;
	__asm volatile("svc 0" : : "r"(r0), "r"(r7));
}
`,
	"riscv": `#include "net.h"
static union { uint64_t align; uint8_t bytes[NET_ARENA_SIZE]; } arena;
void _start(void) {
	__asm volatile(".option push\n.option norelax\nla gp,__global_pointer$\n.option pop");
	register long a0 __asm("a0") = (long)net_selftest(&arena);
	register long a7 __asm("a7") = 93;
	__asm volatile("ecall" : : "r"(a0), "r"(a7));
}
`,
}

// core is an emulated processor.
type core struct{ name, start, compiler, emulator string }

var cores = []core{
	{"M0", "arm", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m0 -Wl,-Ttext-segment=0x10000", "qemu-arm"},
	{"M3", "arm", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m3 -Wl,-Ttext-segment=0x10000", "qemu-arm"},
	{"M4", "arm", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m4 -Wl,-Ttext-segment=0x10000", "qemu-arm"},
	// Without extension M a multiplication is an illegal instruction.
	{"RV32I", "riscv", "riscv64-unknown-elf-gcc -march=rv32i -mabi=ilp32", "qemu-riscv32 -cpu rv32,m=off,a=off,f=off,d=off,c=off"},
}

// link is the program for a core, without any library.
func (c *core) link(t testing.TB, n *lut.Network, vectors [][]uint8) (dir, program string) {
	t.Helper()
	dir, _ = emit(t, n, vectors)
	if err := os.WriteFile(filepath.Join(dir, "start.c"), []byte(start[c.start]), 0o644); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(c.compiler + " -std=gnu99 -O2 -ffreestanding -nostdlib -static -o program start.c " + Flags)
	run(t, dir, args[0], append(args[1:], sources...)...)
	return dir, filepath.Join(dir, "program")
}

// TestEmulated runs the self-test on emulated cores: networks of all kernels,
// scalar and pairs, with -full random ones too.
func TestEmulated(t *testing.T) {
	seeds := []uint64{1, 2}
	if *full {
		seeds = []uint64{0, 1, 2, 3, 4, 5, 6, 7}
	}
	for _, c := range cores {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(c.name, seed), func(t *testing.T) {
				t.Parallel()
				n := draw(seed)
				if seed < 4 {
					n = complete(seed, int(1+seed%2), []int{64, 256}[seed/2])
				}
				dir, program := c.link(t, n, inputs(n, seed, 10))
				args := append(strings.Fields(c.emulator), program)
				run(t, dir, args[0], args[1:]...)
			})
		}
	}
}
