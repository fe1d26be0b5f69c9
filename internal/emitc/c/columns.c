/* Lists the rows of the table that the taps of a window select, a multiple
   of four, and returns the end of the list. The window begins at byte at, row
   y, column x. A line of neighbours none of which is beside the input is one
   tap. */
static const unsigned char **@columns(const @window *w, unsigned channels, unsigned line, const @rows *rows, const uint8_t *in,
				      int32_t at, int32_t y, int32_t x, const unsigned char **list)
{
	const unsigned char **d = list;
	const unsigned char *pad = rows->first + ((uint32_t)rows->pad << rows->shift);
	unsigned taps = w->kernel_w, i, j, n;

	if ((w->tap_x == (int32_t)channels) && (x >= 0) && ((x + (int32_t)taps) <= (int32_t)w->in_w)) {
		taps = 1;
		channels = line;
	}
	for (i = w->kernel_h; i != 0u; i--) {
		int32_t tap = at, column = x;

		for (j = taps; j != 0u; j--) {
			if (((uint32_t)y < w->in_h) && ((uint32_t)column < w->in_w)) {
				d = @list(rows, in + tap, channels, d);
			} else {
				for (n = channels; n != 0u; n--) {
					*d++ = pad;
				}
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
