package graph

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/OPS.md")

const opsFile = "../../docs/OPS.md"

// TestOPS keeps docs/OPS.md equal to the operator table.
func TestOPS(t *testing.T) {
	want := documentOperators()
	if *update {
		if err := os.WriteFile(opsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(opsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/OPS.md is not what the operator table says: run `go test ./internal/graph -run OPS -update`")
	}
}

// TestTable checks that every row is complete and found under its name only.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range Operators() {
		key := row.Domain + "." + row.Name
		if seen[key] {
			t.Errorf("%s: two rows", row.Name)
		}
		seen[key] = true
		if row.Infer == nil || row.Eval == nil || row.Since < 1 || row.Out.Min < 1 {
			t.Errorf("%s: incomplete row", row.Name)
		}
		got, ok := Lookup(row.Domain, row.Name, max(row.Since, MinOpset))
		if !ok || got.Name != row.Name {
			t.Errorf("%s: not found", row.Name)
		}
		if _, ok := Lookup(row.Domain, row.Name, row.Since-1); ok {
			t.Errorf("%s: found before version %d", row.Name, row.Since)
		}
	}
}

// documentOperators is docs/OPS.md.
func documentOperators() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Operators

Generated from the operator table in internal/graph: do not edit, run
`+"`go test ./internal/graph -run OPS -update`"+`.

lutra reads models of opset 7 to 21. Opset %d and the opsets after 21 up to %d are accepted
too, for operators whose definition is the same there. A model with any other operator is
refused with the list of all of them.

`, MinOpset, MaxOpset)
	table := Operators()
	slices.SortFunc(table, func(a, b Operator) int { return strings.Compare(a.Domain+a.Name, b.Domain+b.Name) })
	fmt.Fprintf(&b, "%d operators:\n\n| operator | opset | inputs | outputs | notes |\n|---|---|---|---|---|\n", len(table))
	for _, row := range table {
		if row.Domain == "" {
			fmt.Fprintf(&b, "| %s | %d–%d | %s | %s | %s |\n", row.Name, max(row.Since, MinOpset), MaxOpset, row.In, row.Out, row.Note)
			continue
		}
		fmt.Fprintf(&b, "| %s.%s | %d | %s | %s | %s |\n", row.Domain, row.Name, row.Since, row.In, row.Out, row.Note)
	}
	b.WriteString(`
Model-local functions are inlined, except for those of domain ` + "`lutra`" + `. These hold
product-quantised weights, which are decoded by the kernels:

| function | inputs | attributes |
|---|---|---|
| lutra.Codebook | codes uint8 or uint16 [blocks, outputs], codebook float16 or float32 [K, D] | shape, order |
| lutra.CodebookWide | low uint8 [blocks, outputs], high uint8 [planes, n/8], codebook | shape, order, planes |
| lutra.CodebookInt8, lutra.CodebookWideInt8 | as above, codebook int8 [K, D] | as above, scale |

These three quantise activations to a few evenly spaced levels; networks of them run as lookup tables (lut.md):

| function | result | attributes |
|---|---|---|
| lutra.TanhD | tanh(x), to the nearest level in [-1, 1] | levels |
| lutra.ReluD | x, to the nearest level in [0, bound] | levels, bound |
| lutra.ClipD | x, to the nearest level in [low, high] | levels, low, high |
`)
	return b.Bytes()
}
