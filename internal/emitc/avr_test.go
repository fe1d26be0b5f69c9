package emitc

import (
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lutra/internal/lut"
)

// avr is a program for an emulated ATmega1284: it sends the result of the
// self-test and sleeps for good, which ends simavr.
const avr = `#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include "net.h"
static union { uint64_t align; uint8_t bytes[NET_ARENA_SIZE]; } arena;
int main(void)
{
	char text[] = "self-test: 0\n";
	unsigned char i;

	text[11] = (char)('0' + net_selftest(&arena));
	UCSR0B = 1 << TXEN0;
	for (i = 0; i < 13; i++) {
		while ((UCSR0A & (1 << UDRE0)) == 0) {
		}
		UDR0 = (uint8_t)text[i];
	}
	cli();
	sleep_enable();
	sleep_cpu();
	return 0;
}
`

// TestAVR: on AVR, whose memory of code has addresses of its own, constants
// lie in it and nowhere else, and every one is read from there: otherwise the
// self-test would fail.
func TestAVR(t *testing.T) {
	need(t, "avr-gcc")
	networks := []*lut.Network{complete(2, 2, 64), complete(3, 1, 100)}
	if *full {
		networks = append(networks, spotter())
	}
	for _, n := range networks {
		t.Run(n.Name, func(t *testing.T) {
			t.Parallel()
			dir, _ := emit(t, n, inputs(n, 1, 2))
			if err := os.WriteFile(filepath.Join(dir, "avr.c"), []byte(avr), 0o644); err != nil {
				t.Fatal(err)
			}
			args := strings.Fields("-mmcu=atmega1284p -std=gnu99 -O2 -Wall -Wextra -Werror " + Flags)
			for _, source := range sources {
				run(t, dir, "avr-gcc", append(args, "-c", source)...)
				inFlash(t, filepath.Join(dir, strings.TrimSuffix(source, ".c")+".o"))
			}
			run(t, dir, "avr-gcc", append(args, "-o", "avr.elf", "avr.c", "net.o", "net_data.o", "net_selftest.o")...)
			simulate(t, dir)
		})
	}
}

// simulate runs the program; what reads constants where they are not may not end.
func simulate(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("simavr"); err != nil {
		t.Skip("simavr is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "simavr", "-m", "atmega1284p", "-f", "16000000", "avr.elf")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "self-test: 0") {
		t.Errorf("self-test: %v, %s", err, out)
	}
}

// inFlash demands that an object file has no constants and no variables in RAM.
func inFlash(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flash := uint64(0)
	for _, s := range f.Sections {
		switch {
		case strings.HasPrefix(s.Name, ".progmem"):
			flash += s.Size
		case s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_EXECINSTR == 0 && s.Size > 0:
			t.Errorf("%s: %d bytes in %s", filepath.Base(path), s.Size, s.Name)
		}
	}
	if flash == 0 {
		t.Errorf("%s: nothing in .progmem", filepath.Base(path))
	}
}
