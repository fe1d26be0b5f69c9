//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// supported asks the processor; package cpu counts a feature only if the
// operating system saves its registers.
func supported(l Level) bool {
	x := &cpu.X86
	switch l {
	case AVX2:
		return x.HasAVX2 && x.HasFMA
	case AVXVNNI:
		return supported(AVX2) && x.HasAVXVNNI
	case AVX512:
		return x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI
	case VNNI:
		return supported(AVX512) && x.HasAVX512VNNI
	case AMX:
		return supported(VNNI) && x.HasAMXTile && x.HasAMXInt8 && tilesPermitted()
	}
	return false
}
