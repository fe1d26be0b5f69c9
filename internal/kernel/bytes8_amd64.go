//go:build !purego

package kernel

// map8Call is what the assembly of MapU8 reads.
type map8Call struct {
	dst, src *uint8
	table    *[256]uint8
	n        int // >= 1
}

// interleave8Call is what the assembly of ShuffleU8 for two groups reads.
type interleave8Call struct {
	dst, a, b *uint8
	n         int // of a group, >= 1
}

func map8(l Level, dst, src []uint8, table *[256]uint8) {
	if l < AVX512 || len(dst) == 0 {
		map8Generic(dst, src, table)
		return
	}
	map8AVX512(&map8Call{&dst[0], &src[0], table, len(dst)})
}

func shuffle8(l Level, dst, src []uint8, groups int) {
	if l < AVX512 || groups != 2 {
		shuffle8Generic(dst, src, groups)
		return
	}
	n := len(dst) / 2
	interleave8AVX512(&interleave8Call{&dst[0], &src[0], &src[n], n})
}
