/* A convolution, place by place. */
static void @&kind&_convolve(const @&kind&_layer *l, uint8_t *arena)
{
	const @window *w = &l->window;
	const unsigned char **list = (const unsigned char **)(void *)(arena + @COLUMNS);
	const uint8_t *in = arena + l->in, *added = arena + l->added;
	uint8_t *out = arena + l->out;
	int32_t row = w->origin, top = -(int32_t)w->top;
	unsigned y, x;

	for (y = w->out_h; y; y--) {
		int32_t at = row, left = -(int32_t)w->left;

		for (x = w->out_w; x; x--) {
			const unsigned char **end = @columns(w, l->channels, &l->rows, in, at, top, left, list);
			const @&kind&_code *code = l->codes;
			unsigned first;

			for (first = 0; first < l->outputs; first += &outputs&) {
				@&kind&_sum sum[4];

				sum[0] = 0;
				sum[1] = 0;
				sum[2] = 0;
				sum[3] = 0;
				code = @&kind&_dot(code, list, end, sum);
				@&kind&_finish(l, sum, first, out, added);
			}
			out += l->place;
			added += l->outputs;
			at += w->step_x;
			left += w->stride_x;
		}
		row += w->step_y;
		top += w->stride_y;
	}
}
