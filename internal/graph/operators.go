package graph

import "slices"

// The versions of ai.onnx that Validate accepts. The rows of the table are
// written for 7 to 21; version 6 and those after 21 are accepted because the
// operators listed keep their definitions there.
const (
	MinOpset = 6
	MaxOpset = 28
)

// table is the operator table: every operator lutra knows, by family.
var table = slices.Concat(
	elementwiseOps, comparisonOps, reductionOps, shapeOps, constantOps, castOps,
	convOps, matmulOps, quantOps, normOps, poolOps, softmaxOps, resizeOps, spaceOps, levelOps,
)

type opKey struct{ domain, name string }

// rows finds rows of the table by domain and name.
var rows = indexRows(table)

func indexRows(table []Operator) map[opKey]*Operator {
	m := make(map[opKey]*Operator, len(table))
	for i := range table {
		m[opKey{table[i].Domain, table[i].Name}] = &table[i]
	}
	return m
}

// Operators lists the rows of the operator table, by family.
func Operators() []Operator { return slices.Clone(table) }

// Lookup finds the row of an operator of version opset of its domain; ok is
// false when lutra does not know the operator, or not that version of it. The
// domain "ai.onnx" is the same as "".
func Lookup(domain, op string, opset int64) (row *Operator, ok bool) {
	row = rows[opKey{canonicalDomain(domain), op}]
	if row == nil || opset < row.Since {
		return nil, false
	}
	return row, true
}

func canonicalDomain(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}
