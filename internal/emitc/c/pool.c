/* The highest level of every window, or, with a table, the level of a sum over
   it. */
typedef struct {
	@window window;
	@activation activation;
	const int32_t *table; /* per level; NULL: the highest level */
	int32_t bias;
	uint32_t in, out;
	uint16_t channels;
} @pool_layer;

/* One channel of one window. */
static uint8_t @pool_window(const @pool_layer *l, const uint8_t *in, int32_t at, int32_t y, int32_t x)
{
	const @window *w = &l->window;
	int32_t sum = l->bias;
	uint8_t highest = 0;
	unsigned i, j;

	for (i = w->kernel_h; i != 0u; i--) {
		int32_t tap = at, column = x;

		for (j = w->kernel_w; j != 0u; j--) {
			if (((uint32_t)y < w->in_h) && ((uint32_t)column < w->in_w)) {
				if (l->table != NULL) {
					sum += @i32(l->table + in[tap]);
				} else {
					highest = (in[tap] > highest) ? in[tap] : highest;
				}
			}
			tap += w->tap_x;
			column += w->dilation_x;
		}
		at += w->tap_y;
		y += w->dilation_y;
	}
	return (l->table != NULL) ? @level(l->activation.map, l->activation.last, l->activation.shift, sum) : highest;
}

static void @pool(const @pool_layer *l, uint8_t *arena)
{
	const @window *w = &l->window;
	const uint8_t *in = arena + l->in;
	uint8_t *out = arena + l->out;
	int32_t line = w->origin, top = -(int32_t)w->top;
	unsigned y, x, c;

	for (y = w->out_h; y != 0u; y--) {
		int32_t at = line, left = -(int32_t)w->left;

		for (x = w->out_w; x != 0u; x--) {
			for (c = 0; c < l->channels; c++) {
				*out++ = @pool_window(l, in + c, at, top, left);
			}
			at += w->step_x;
			left += w->stride_x;
		}
		line += w->step_y;
		top += w->stride_y;
	}
}
