package lut

import "lutra/internal/kernel"

// levelParts cuts more levels than a vector register has rows into parts of
// 31, each with a table of its own and a last row of zeros. Every activation
// is looked up in all of them: it is a row of one part, and zero in the others.
type levelParts struct {
	count  int
	levels int
	rows   [][256]uint8 // row of every level, by part
}

const (
	partLevels = kernel.LUTLevels - 1
	zeroRow    = partLevels
)

// partsOf is one part for levels that fit.
func partsOf(levels int) levelParts {
	p := levelParts{count: 1, levels: levels}
	if levels > kernel.LUTLevels {
		p.count = (levels + partLevels - 1) / partLevels
	}
	p.rows = make([][256]uint8, p.count)
	for part := range p.rows {
		for a := range p.rows[part] {
			p.rows[part][a] = p.row(a, part)
		}
	}
	return p
}

// row is the row of level a in a part; a may be the number of levels: padding.
func (p *levelParts) row(a, part int) uint8 {
	switch {
	case p.count == 1:
		return uint8(a)
	case a >= p.levels || a/partLevels != part:
		return zeroRow
	}
	return uint8(a % partLevels)
}

// table arranges the table of l for the kernels: column c of part i is column c*count + i.
func (p *levelParts) table(l *Linear, level kernel.Level) *kernel.LUTTable {
	t := l.Table
	columns := t.Words * t.D
	if p.count == 1 {
		rows := t.Levels
		if l.Pad == t.Levels { // in all layers of this table
			rows = min(rows+1, kernel.LUTLevels)
		}
		return level.NewLUTTable(t.Entries, rows, columns)
	}
	entries := make([]int16, kernel.LUTLevels*columns*p.count)
	for a := range t.Levels {
		row := entries[a%partLevels*columns*p.count:]
		for c := range columns {
			row[c*p.count+a/partLevels] = t.Entries[a*columns+c]
		}
	}
	return level.NewLUTTable(entries, kernel.LUTLevels, columns*p.count)
}
