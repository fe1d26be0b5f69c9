package lutra

import "testing"

func TestCell(t *testing.T) {
	if got, want := cell("a|b`c\nd"), "a\\|b'c d"; got != want {
		t.Errorf("cell is %q, want %q", got, want)
	}
}
