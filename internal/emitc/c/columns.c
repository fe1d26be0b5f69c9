/* Lists the rows of the table that the taps of a window select, a multiple
   of four, and returns the end of the list. The window begins at byte at, row
   y, column x. */
static const unsigned char **@columns(const @window *w, unsigned channels, const @rows *rows, const uint8_t *in,
				      int32_t at, int32_t y, int32_t x, const unsigned char **list)
{
	const unsigned char **d = list;
	const unsigned char *pad = rows->pad;
	unsigned i, j;

	for (i = w->kernel_h; i != 0u; i--) {
		int32_t tap = at, column = x;

		for (j = w->kernel_w; j != 0u; j--) {
			if (((uint32_t)y < w->in_h) && ((uint32_t)column < w->in_w)) {
				d = @list(rows, in + tap, channels, d);
			} else {
				unsigned n = channels;

				do {
					*d++ = pad;
				} while (--n != 0u);
			}
			tap += w->tap_x;
			column += w->dilation_x;
		}
		at += w->tap_y;
		y += w->dilation_y;
	}
	while (((d - list) & 3) != 0) {
		*d++ = pad;
	}
	return d;
}
