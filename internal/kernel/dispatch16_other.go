//go:build !amd64 || purego

package kernel

// HasBF16 reports whether this machine multiplies bfloat16 at level l;
// elsewhere Go does, slower than float32.
func (Level) HasBF16() bool { return false }

func (Level) tilesBF16() bool { return false }

func round16(_ Level, dst []BF16, src []float32) { round16Generic(dst, src) }
func widen16(_ Level, dst []float32, src []BF16) { widen16Generic(dst, src) }
func roundPlanes16(_ Level, dst []BF16, src []float32, p *planes8) {
	roundPlanes16Generic(dst, src, p, 0)
}
func maxRows16(_ Level, dst []float32, src []BF16, row, rows int) {
	maxRows16Generic(dst, src, row, rows, 0)
}
func tile16(_ Level, t *TileBF16Args)                              { tile16Generic(t) }
func tiles16(Level, *GridBF16, *TileBF16Args) bool                 { return false }
func decode16(_ Level, dst []BF16, d *DecoderBF16, c PanelCodes16) { decode16Generic(dst, d, c, 0) }
