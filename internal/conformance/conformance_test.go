package conformance

import (
	"lutra/internal/realdata"
	"path/filepath"
	"strings"
	"testing"
)

// refusals are the cases that lutra does not support, with words of the error
// that says so. Every other case must pass.
var refusals = map[string]string{
	"node/test_identity_sequence":        "a sequence",
	"node/test_training_dropout":         "training_mode", // random
	"node/test_training_dropout_default": "training_mode",
}

// leastPasses is the number of cases that pass at least.
const leastPasses = 470

func TestReference(t *testing.T) { conform(t, reference) }

// conform runs all cases through eval and prints how many pass.
func conform(t *testing.T, eval evaluator) {
	dir := realdata.Path(t, "onnx-conformance")
	list := cases(t, dir)
	passed, refused, failed := 0, 0, 0
	for _, path := range list {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.ToSlash(name)
		r := runCase(path, eval)
		words, expected := refusals[name]
		switch {
		case r.failure != nil:
			failed++
			t.Errorf("%s: %v", name, r.failure)
		case r.refused != nil:
			refused++
			if !expected {
				t.Errorf("%s: refused: %v", name, r.refused)
			} else if !strings.Contains(r.refused.Error(), words) {
				t.Errorf("%s: refused with %q, which does not mention %q", name, r.refused, words)
			}
		default:
			passed++
			if expected {
				t.Errorf("%s passes, but is listed as refused", name)
			}
		}
	}
	t.Logf("conformance: %d of %d pass, %d refused by name, %d failed", passed, len(list), refused, failed)
	if passed < leastPasses {
		t.Errorf("%d cases pass, want at least %d", passed, leastPasses)
	}
}
