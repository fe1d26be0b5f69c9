package nomul

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDecoders(t *testing.T) {
	for _, c := range []struct {
		name   string
		decode decoder
		code   string
		length int
		what   string
	}{
		{"movs r0, #1", thumb, "\x01\x20", 2, ""},
		{"lsls r0, r1, #2", thumb, "\x88\x00", 2, ""},
		{"muls r0, r1", thumb, "\x48\x43", 2, "multiply"},
		{"ldr.w r0, [r1, r2, lsl #2]", thumb, "\x51\xf8\x22\x00", 4, ""},
		{"add.w r0, r1, r2, lsl #3", thumb, "\x01\xeb\xc2\x00", 4, ""},
		{"mla r0, r1, r2, r3", thumb, "\x01\xfb\x02\x30", 4, "multiply"},
		{"smlabb r0, r1, r2, r3", thumb, "\x11\xfb\x02\x30", 4, "multiply"},
		{"smull r0, r1, r2, r3", thumb, "\x82\xfb\x03\x01", 4, "multiply"},
		{"udiv r0, r1, r2", thumb, "\xb1\xfb\xf2\xf0", 4, "divide"},
		{"vadd.f32 s0, s1, s2", thumb, "\x30\xee\x81\x0a", 4, "float or coprocessor"},
		{"bl", thumb, "\x00\xf0\x00\xf8", 4, ""},
		{"half of mla", thumb, "\x01\xfb", 2, "truncated instruction"},
		{"add a0, a1, a2", riscv(elf.ELFCLASS32), "\x33\x85\xc5\x00", 4, ""},
		{"slli a0, a1, 2", riscv(elf.ELFCLASS32), "\x13\x95\x25\x00", 4, ""},
		{"mul a0, a1, a2", riscv(elf.ELFCLASS32), "\x33\x85\xc5\x02", 4, "multiply"},
		{"mulw a0, a1, a2", riscv(elf.ELFCLASS64), "\x3b\x85\xc5\x02", 4, "multiply"},
		{"remu a0, a1, a2", riscv(elf.ELFCLASS32), "\x33\xf5\xc5\x02", 4, "divide"},
		{"fadd.s fa0, fa1, fa2", riscv(elf.ELFCLASS32), "\x53\xf5\xc5\x00", 4, "float"},
		{"c.li a0, 1", riscv(elf.ELFCLASS32), "\x05\x45", 2, ""},
		{"c.flw fa0, 0(a0)", riscv(elf.ELFCLASS32), "\x08\x61", 2, "float"},
		{"c.ld a0, 0(a0)", riscv(elf.ELFCLASS64), "\x08\x61", 2, ""},
		{"c.mul a0, a1", riscv(elf.ELFCLASS32), "\x4d\x9d", 2, "multiply"},
		{"lea rax, [rbx+rcx*4]", x86, "\x48\x8d\x04\x8b", 4, ""},
		{"imul eax, ebx", x86, "\x0f\xaf\xc3", 3, "multiply"},
		{"div ecx", x86, "\xf7\xf1", 2, "divide"},
		{"addss xmm0, xmm1", x86, "\xf3\x0f\x58\xc1", 4, "float or vector"},
		{"fld1", x86, "\xd9\xe8", 2, "float"},
		{"endbr64", x86, "\xf3\x0f\x1e\xfa", 4, ""},
		{"vaddps zmm0, zmm1, zmm2", x86, "\x62\xf1\x74\x48\x58\xc2", 1, "vector"},
		{"0f ff", x86, "\x0f\xff", 1, "unknown instruction"},
	} {
		if n, what := c.decode([]byte(c.code)); n != c.length || what != c.what {
			t.Errorf("%s: %d bytes, %q; want %d, %q", c.name, n, what, c.length, c.what)
		}
	}
}

// module is a WebAssembly module with one function of no locals.
func module(body string) []byte {
	body = "\x00" + body + "\x0b"
	code := "\x01" + string(rune(len(body))) + body
	return []byte("\x00asm\x01\x00\x00\x00" + "\x0a" + string(rune(len(code))) + code)
}

func TestWasm(t *testing.T) {
	for body, want := range map[string]string{
		"\x41\x07\x41\x80\x80\x01\x6a\x1a":     "",                                      // i32.const 7, i32.const 16384, add, drop
		"\x41\x6c\x41\x6c\x6b\x1a":             "",                                      // operands that look like i32.mul
		"\x41\x02\x41\x03\x6c\x1a":             "m.wasm: function 0+0x5: multiply",      // i32.mul
		"\x41\x02\x41\x03\x6e\x1a":             "m.wasm: function 0+0x5: divide",        // i32.div_u
		"\x43\x00\x00\x80\x3f\x1a":             "m.wasm: function 0+0x1: float",         // f32.const
		"\x41\x00\x28\x02\x04\x1a":             "",                                      // i32.load
		"\x41\x00\x2a\x02\x04\x1a":             "m.wasm: function 0+0x3: float",         // f32.load
		"\x41\x00\xfc\x00\x1a":                 "m.wasm: function 0+0x3: float",         // i32.trunc_sat_f32_s
		"\x41\x00\x41\x00\x41\x00\xfc\x0b\x00": "",                                      // memory.fill
		"\xfd\x0c":                             "m.wasm: function 0+0x1: vector",        // v128.const
		"\x06\x40":                             "m.wasm: function 0+0x1: unknown instr", // try
	} {
		found, err := Check(Object{"m.wasm", module(body)})
		switch {
		case err != nil:
			t.Errorf("%x: %v", body, err)
		case want == "" && len(found) > 0, want != "" && (len(found) == 0 || !strings.HasPrefix(found[0].String(), want)):
			t.Errorf("%x: %v, want %q", body, found, want)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, data := range []string{"", "\x00asm", "\x00asm\x02\x00\x00\x00", "MZ", "\x7fELF", "\x00asm\x01\x00\x00\x00\x0a\xff\xff\xff\xff\x0f"} {
		if found, err := Check(Object{"f", []byte(data)}); err == nil || !strings.HasPrefix(err.Error(), "f: ") {
			t.Errorf("%q: %v, %v", data, found, err)
		}
	}
}

// TestCompilers checks what real compilers make of code with and without
// multiplication; compilers that are not installed are skipped.
func TestCompilers(t *testing.T) {
	const clean = `typedef unsigned u; u f(const unsigned char *p, int n, const u *t) { u s = 0; while (n--) s += t[*p++]; return s >> 3; }`
	const product = `int f(int a, int b) { return a * b; }`
	const ratio = `unsigned f(unsigned a, unsigned b) { return a / b; }`
	const float = `float f(float a, float b) { return a + b; }`
	const call = `void g(void); void f(void) { g(); }`
	for _, c := range []struct {
		command                      string
		product, ratio, float, undef string
	}{
		{"arm-none-eabi-gcc -mthumb -mcpu=cortex-m0", "multiply", "undefined symbol __aeabi_uidiv", "undefined symbol __aeabi_fadd", "undefined symbol g"},
		{"arm-none-eabi-gcc -mthumb -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16", "multiply", "divide", "float or coprocessor", "undefined symbol g"},
		{"riscv64-unknown-elf-gcc -march=rv32i -mabi=ilp32", "undefined symbol __mulsi3", "undefined symbol __udivsi3", "undefined symbol __addsf3", "undefined symbol g"},
		{"riscv64-unknown-elf-gcc -march=rv32imafc -mabi=ilp32f", "multiply", "divide", "float", "undefined symbol g"},
		{"gcc -m64", "multiply", "divide", "float or vector", "undefined symbol g"},
		{"clang -m64", "multiply", "divide", "float or vector", "undefined symbol g"},
		{"clang --target=wasm32", "multiply", "divide", "float", "undefined symbol g"},
	} {
		t.Run(c.command, func(t *testing.T) {
			for source, want := range map[string]string{clean: "", product: c.product, ratio: c.ratio, float: c.float, call: c.undef} {
				object := compile(t, c.command, source)
				found, err := Check(Object{"f.o", object})
				if err != nil {
					t.Fatal(err)
				}
				if want == "" && len(found) > 0 || want != "" && (len(found) == 0 || found[0].What != want) {
					t.Errorf("%s\n%v, want %q", source, found, want)
				}
			}
		})
	}
}

// compile is the object file of source; it skips the test without the compiler.
func compile(t *testing.T, command, source string) []byte {
	t.Helper()
	args := strings.Fields(command)
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Skipf("%s is not installed", args[0])
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "f.c"), filepath.Join(dir, "f.o")
	if err := os.WriteFile(in, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(args, "-O2", "-ffreestanding", "-fno-pic", "-fno-asynchronous-unwind-tables", "-c", in, "-o", out)
	if log, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	object, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// FuzzCheck: no input makes Check panic.
func FuzzCheck(f *testing.F) {
	f.Add(module("\x41\x02\x41\x03\x6c\x1a"))
	f.Add([]byte("\x7fELF\x01\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		Check(Object{"fuzz", data})
	})
}
