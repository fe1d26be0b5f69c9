package emitc

import (
	"bytes"
	"debug/elf"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lutra/internal/audio"
	"lutra/internal/lut"
)

// full tests everything: all compilers at all levels, 1,000 inputs a network.
var full = flag.Bool("full", false, "all compilers, levels and networks; a thousand inputs each")

// host is a program around the self-test.
const host = `#include "net.h"
#include <stdio.h>
static union { uint64_t align; uint8_t bytes[NET_ARENA_SIZE + 16]; } arena;
int main(void)
{
	uint32_t i, bad;
	for (i = 0; i < 16; i++) arena.bytes[NET_ARENA_SIZE + i] = 0xa5;
	bad = net_selftest(&arena);
	for (i = 0; i < 16; i++) if (arena.bytes[NET_ARENA_SIZE + i] != 0xa5) return 99;
	if (bad) printf("vector %lu\n", (unsigned long)bad);
	return bad != 0;
}
`

// emit writes the library of n into a new folder, with a program main.c.
func emit(t testing.TB, n *lut.Network, vectors [][]uint8) (dir string, lib *Library) {
	t.Helper()
	o := Options{Name: "net", Vectors: vectors, Tool: "lutra test", Labels: []string{"a\"*/??/", "b\n"}, Bytes: someBytes(n)}
	o.Samples = samplesOf(n.Tensors[0].Quantiser, 1e-3)
	if in := n.Tensors[0]; in.C == 1 && in.H == audio.Frames && in.W == audio.Bands {
		o.Rate, o.Stream = 16000, true
	}
	lib, err := Emit(n, o)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	save(t, dir, lib)
	if err := os.WriteFile(filepath.Join(dir, "main.c"), []byte(host), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, lib
}

// save writes the files of lib.
func save(t testing.TB, dir string, lib *Library) {
	t.Helper()
	for name, b := range lib.Files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// someBytes is random tables of bytes for the input of n, the same for some
// seeds of networks in all channels.
func someBytes(n *lut.Network) []Bytes {
	rng := rand.New(rand.NewPCG(uint64(len(n.Layers)), 4))
	tables := make([]Bytes, n.Tensors[0].C)
	for c := range tables {
		for i := range tables[c] {
			tables[c][i] = uint8(rng.IntN(levels))
		}
		if len(n.Layers)%2 == 0 {
			tables[c] = tables[0]
		}
	}
	return tables
}

var sources = []string{"net.c", "net_data.c", "net_selftest.c"}

// need skips the test without a program, unless LUTRA_REQUIRE_TOOLS is set.
func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("LUTRA_REQUIRE_TOOLS") != "" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

// run runs a command in dir.
func run(t testing.TB, dir, command string, args ...string) []byte {
	t.Helper()
	if !strings.Contains(command, "/") {
		need(t, command)
	}
	c := exec.Command(command, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, out)
	}
	return out
}

const warnings = "-Wall -Wextra -Wconversion -pedantic -Werror"

// TestBitExact compares random networks in C with the engine in Go, under the
// sanitizers of the compiler.
func TestBitExact(t *testing.T) {
	seeds := uint64(10)
	if *full {
		seeds = 50
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			n := draw(seed)
			dir, _ := emit(t, n, inputs(n, seed, 25))
			sanitised(t, dir)
		})
	}
}

// sanitised runs the self-test in dir under the sanitizers.
func sanitised(t *testing.T, dir string) {
	t.Helper()
	args := strings.Fields("-std=c99 -fsanitize=address,undefined -fno-sanitize-recover=all -o net main.c " + warnings)
	run(t, dir, "gcc", append(args, sources...)...)
	run(t, dir, "./net")
}

// TestDepthwise compares filters of 3x3 for all paddings and strides, on inputs
// that are high, wide and as small as kernels without loops over taps take.
func TestDepthwise(t *testing.T) {
	for _, size := range [][2]int{{3, 3}, {7, 4}, {4, 7}, {2, 5}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			d := newDrawing(1, 3, size[0], size[1])
			for i := range 64 {
				w := lut.Window{KH: 3, KW: 3, DilationY: 1, DilationX: 1, Top: i & 1, Bottom: i >> 1 & 1, Left: i >> 2 & 1, Right: i >> 3 & 1}
				w.StrideY, w.StrideX = 1+i>>4&1, 1+i>>5
				if size[0]+w.Top+w.Bottom >= 3 && size[1]+w.Left+w.Right >= 3 {
					d.output(d.linear(0, 3, 20, 1, w, 3, -1, false))
				}
			}
			dir, _ := emit(t, d.Network, inputs(d.Network, 2, 20))
			sanitised(t, dir)
		})
	}
}

// TestCompilers: no warnings from C99 and C++11 of two compilers.
func TestCompilers(t *testing.T) {
	n := draw(5)
	dir, _ := emit(t, n, inputs(n, 5, 3))
	for _, command := range []string{"gcc -std=c99", "clang -std=c99", "g++ -std=c++11 -x c++", "clang++ -std=c++11 -x c++ -Wno-deprecated"} {
		t.Run(command, func(t *testing.T) {
			args := strings.Fields(command + " -O2 -o net main.c " + warnings)
			run(t, dir, args[0], append(args[1:], sources...)...)
			run(t, dir, "./net")
		})
	}
	t.Run("example", func(t *testing.T) {
		args := strings.Fields("-std=c99 -O2 -o example example_main.c " + warnings)
		run(t, dir, "gcc", append(args, sources...)...)
		run(t, dir, "sh", "-c", "head -c 5000 /dev/zero | ./example")
	})
}

// TestNames: names that are words of C or of its library, the shortest and the
// longest, make libraries that compile.
func TestNames(t *testing.T) {
	need(t, "gcc")
	n := draw(5)
	for _, name := range []string{"a", "int", "main", "NULL", "net_data", strings.Repeat("N", 41)} {
		lib, err := Emit(n, Options{Name: name, Vectors: inputs(n, 5, 1), Bytes: someBytes(n)})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		save(t, dir, lib)
		args := strings.Fields("-std=c99 -fsyntax-only " + warnings + " example_main.c")
		run(t, dir, "gcc", append(args, name+".c", name+"_data.c", name+"_selftest.c")...)
	}
}

// TestSections: macros put the constants, and among them the products, into
// sections of the caller's choice.
func TestSections(t *testing.T) {
	need(t, "gcc")
	n := complete(4, 2, 256)
	dir, lib := emit(t, n, nil)
	args := strings.Fields(`-std=c99 -c -DNET_CONST=__attribute__((section(".slow"))) -DNET_TABLES=__attribute__((section(".fast"))) net_data.c`)
	run(t, dir, "gcc", args...)
	f, err := elf.Open(filepath.Join(dir, "net_data.o"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	slow, fast := f.Section(".slow"), f.Section(".fast")
	if slow == nil || fast == nil {
		t.Fatal("no section")
	}
	pairs := 0 // bytes
	for _, m := range regexp.MustCompile(`(u?int\d+)_t net_(?:pairs|products|narrow|turned)_\d+\[(\d+)\]`).FindAllSubmatch(lib.Files["net_data.h"], -1) {
		size, _ := strconv.Atoi(string(m[2]))
		bits, _ := strconv.Atoi(strings.TrimLeft(string(m[1]), "uint"))
		pairs += size * bits / 8
	}
	if pairs == 0 || int(fast.Size) < pairs || int(fast.Size) > pairs+64 || int(slow.Size) < lib.Report.Flash-pairs {
		t.Errorf("%d bytes of tables in .fast, want %d; %d other constants, want %d", fast.Size, pairs, slow.Size, lib.Report.Flash-pairs)
	}
}

// TestDeterministic: the same network gives the same bytes.
func TestDeterministic(t *testing.T) {
	n := draw(3)
	o := Options{Name: "net", Vectors: inputs(n, 3, 2), Tool: "lutra test"}
	a, err := Emit(n, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Emit(n, o)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(a.Files, b.Files, bytes.Equal) {
		t.Error("two runs differ")
	}
	want := []string{
		"CMakeLists.txt", "README.md", "example_main.c", "library.json", "library.properties", "net.c", "net.h", "net.json",
		"net_data.c", "net_data.h", "net_selftest.c", "zephyr/CMakeLists.txt", "zephyr/Kconfig", "zephyr/module.yml",
	}
	if got := slices.Sorted(maps.Keys(a.Files)); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

func TestRefusal(t *testing.T) {
	d := newDrawing(1, 4, 6, 6)
	x := d.linear(0, 8, 16, 1, window(3, 1), 2, -1, false)
	d.output(d.dense(x, 3, 16, 1, true))
	d.Layers[1].(*lut.Linear).Table.D = 2
	d.Layers[1].(*lut.Linear).Block = 8
	_, err := Emit(d.Network, Options{})
	for _, part := range []string{"linear0 (a convolution of 2 groups", "linear1 (sums of pairs fit 16 bits for 8 of"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %q", err, part)
		}
	}
	d = newDrawing(1, 4, 1, 1)
	d.linear(0, 4, 16, 1, window(1, 1), 1, -1, true)
	d.Layers = append(d.Layers, &lut.Gather{Name: "turn", In: 1, Out: d.tensor(4, 1, 1, 0), From: []int32{3, 2, 1, 0}})
	if _, err := Emit(d.output(2), Options{}); err == nil || !strings.Contains(err.Error(), "turn (scores that move") {
		t.Errorf("scores that move: %v", err)
	}
	for _, name := range []string{"9lives", "a-b", "a b", strings.Repeat("x", 42), "a;b", "_net", "stdint", "Math", "library", "package"} {
		if _, err := Emit(draw(1), Options{Name: name}); err == nil {
			t.Errorf("%q is taken as a name", name)
		}
	}
	for title, want := range map[string]string{"": "net_", "ResNet-8": "resnet_8", "8bit": "net_8bit", "*/ int main": "int_main", "日本": "net_", "time": "net_time"} {
		if got := nameOf(title); !identifier.MatchString(got) || !strings.HasPrefix(got, strings.TrimSuffix(want, "_")) {
			t.Errorf("%q becomes %q", title, got)
		}
	}
}
