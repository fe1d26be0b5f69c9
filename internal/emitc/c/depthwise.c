/* A convolution with one filter per channel. The table is turned: a row holds
   the products of one codeword, so that every tap is one row. */
typedef struct {
	@window window;
	@activation activation;
	const int16_t *table;
	const uint8_t *codes; /* [channels][taps] */
	const int32_t *bias;
	uint32_t in, out;
	uint16_t channels;
	uint8_t shift; /* of rows */
} @depthwise_layer;

/* The sum at one place where taps may be outside. */
static int32_t @depthwise_edge(const @window *w, const int16_t *const *row, const uint8_t *in, int32_t y, int32_t x, int32_t sum)
{
	uint16_t i, j;

	for (i = w->kernel_h; i; i--) {
		const uint8_t *tap = in;
		int32_t column = x;

		for (j = w->kernel_w; j; j--) {
			if ((uint32_t)y < w->in_h && (uint32_t)column < w->in_w) {
				sum += (*row)[*tap];
			}
			row++;
			tap += w->tap_x;
			column += w->dilation_x;
		}
		in += w->tap_y;
		y += w->dilation_y;
	}
	return sum;
}

static void @depthwise(const @depthwise_layer *l, uint8_t *arena)
{
	const @window *w = &l->window;
	const int16_t *row[@TAPS];
	const uint8_t *code = l->codes;
	uint16_t c, y, x, k, taps = 0;

	for (k = w->kernel_h; k; k--) {
		taps = (uint16_t)(taps + w->kernel_w);
	}
	for (c = 0; c < l->channels; c++) {
		const uint8_t *in = arena + l->in + c;
		uint8_t *out = arena + l->out + c;
		int32_t bias = l->bias[c], line = w->origin, top = -(int32_t)w->top;

		for (k = 0; k < taps; k++) {
			row[k] = l->table + ((uint32_t)*code++ << l->shift);
		}
		for (y = w->out_h; y; y--) {
			int32_t at = line, left = -(int32_t)w->left;

			for (x = w->out_w; x; x--) {
				int32_t sum;

				if (taps == 9 && top >= 0 && left >= 0 && w->dilation_x == 1 && w->dilation_y == 1 && top + 2 < w->in_h && left + 2 < w->in_w) {
					const uint8_t *p = in + at, *q = p + w->tap_y, *r = q + w->tap_y;
					int32_t step = w->tap_x;

					sum = bias + row[0][*p] + row[3][*q] + row[6][*r];
					p += step;
					q += step;
					r += step;
					sum += row[1][*p] + row[4][*q] + row[7][*r];
					p += step;
					q += step;
					r += step;
					sum += row[2][*p] + row[5][*q] + row[8][*r];
				} else {
					sum = @depthwise_edge(w, row, in + at, top, left, bias);
				}
				*out = @level(&l->activation, sum);
				out += l->channels;
				at += w->step_x;
				left += w->stride_x;
			}
			line += w->step_y;
			top += w->stride_y;
		}
	}
}
