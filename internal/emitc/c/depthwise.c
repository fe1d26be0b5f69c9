/* The sum at one place. */
static int32_t @depthwise_sum(const @window *w, const int16_t *const *row, const uint8_t *in, int32_t at, int32_t y, int32_t x, int32_t sum)
{
	uint16_t i, j;

	for (i = w->kernel_h; i != 0u; i--) {
		int32_t tap = at, column = x;

		for (j = w->kernel_w; j != 0u; j--) {
			if (((uint32_t)y < w->in_h) && ((uint32_t)column < w->in_w)) {
				sum += @i16(*row + in[tap]);
			}
			row++;
			tap += w->tap_x;
			column += w->dilation_x;
		}
		at += w->tap_y;
		y += w->dilation_y;
	}
	return sum;
}

static void @depthwise(const @depthwise_layer *l, uint8_t *arena)
{
	const @window *w = &l->window;
	const int16_t *row[@TAPS];
	const uint8_t *code = l->codes;
	unsigned c, y, x, k, taps = 0;

	for (k = w->kernel_h; k != 0u; k--) {
		taps += w->kernel_w;
	}
	for (c = 0; c < l->channels; c++) {
		uint8_t *out = arena + l->out + c;
		int32_t line = w->origin, top = -(int32_t)w->top;

		for (k = 0; k < taps; k++) {
			row[k] = l->table + ((uint32_t)@u8(code++) << l->shift);
		}
		for (y = w->out_h; y != 0u; y--) {
			int32_t at = line, left = -(int32_t)w->left;

			for (x = w->out_w; x != 0u; x--) {
				int32_t sum = @depthwise_sum(w, row, arena + l->in + c, at, top, left, @filter_bias_at(l->bias + c));

				*out = @level(l->activation.map, l->activation.last, l->activation.shift, sum);
				out += l->channels;
				at += w->step_x;
				left += w->stride_x;
			}
			line += w->step_y;
			top += w->stride_y;
		}
	}
}
