package kernel

// MapU8 writes table[src[i]]. The slices have one length; dst may be src.
func (l Level) MapU8(dst, src []uint8, table *[256]uint8) {
	need(src, len(dst))
	map8(l, dst, src, table)
}

func map8Generic(dst, src []uint8, table *[256]uint8) {
	for i := range dst {
		dst[i] = table[src[i]]
	}
}

// ShuffleU8 permutes bytes, which are groups of n: dst[j*groups+i] is
// src[i*n+j]. The slices have one length, a multiple of groups, and do not
// overlap.
func (l Level) ShuffleU8(dst, src []uint8, groups int) {
	need(src, len(dst))
	if groups < 1 || len(dst)%groups != 0 {
		panic("kernel: int8 shuffle: groups do not fit")
	}
	if len(dst) > 0 {
		shuffle8(l, dst, src, groups)
	}
}

func shuffle8Generic(dst, src []uint8, groups int) {
	n := len(dst) / groups
	for i := range groups {
		for j, v := range src[i*n:][:n] {
			dst[j*groups+i] = v
		}
	}
}
