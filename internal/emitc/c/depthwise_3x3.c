/* Filters of 3x3 whose middle tap is never outside. */
static void @depthwise_3x3(const @depthwise_layer *l, uint8_t *arena)
{
	const @window *w = &l->window;
	const uint8_t *code = l->codes, *map = l->activation.map;
	const int32_t *bias = l->bias;
	const uint8_t *in = arena + l->in;
	uint8_t *first = arena + l->out;
	int32_t last = l->activation.last, step = w->tap_x, step2 = step + step, high = w->in_h, wide = w->in_w;
	uint8_t shift = l->activation.shift;
	unsigned channels = l->channels, c;

	for (c = channels; c; c--) {
		const int16_t *r0, *r1, *r2, *r3, *r4, *r5, *r6, *r7, *r8;
		const int16_t *table = l->table;
		uint8_t *out = first++;
		int32_t line = w->origin, top = -(int32_t)w->top, start = *bias++;
		unsigned y, x, turn = l->shift;

		r0 = table + ((uint32_t)code[0] << turn);
		r1 = table + ((uint32_t)code[1] << turn);
		r2 = table + ((uint32_t)code[2] << turn);
		r3 = table + ((uint32_t)code[3] << turn);
		r4 = table + ((uint32_t)code[4] << turn);
		r5 = table + ((uint32_t)code[5] << turn);
		r6 = table + ((uint32_t)code[6] << turn);
		r7 = table + ((uint32_t)code[7] << turn);
		r8 = table + ((uint32_t)code[8] << turn);
		code += 9;
		for (y = w->out_h; y; y--) {
			int32_t at = line, left = -(int32_t)w->left;
			int above = top >= 0, below = top + 2 < high;

			for (x = w->out_w; x; x--) {
				const uint8_t *p = in + (at + w->tap_y);
				int32_t sum = start + r4[p[step]];

				if (left >= 0) {
					sum += r3[*p];
				}
				if (left + 2 < wide) {
					sum += r5[p[step2]];
				}
				if (above) {
					p = in + at;
					sum += r1[p[step]];
					if (left >= 0) {
						sum += r0[*p];
					}
					if (left + 2 < wide) {
						sum += r2[p[step2]];
					}
				}
				if (below) {
					p = in + (at + w->tap_y + w->tap_y);
					sum += r7[p[step]];
					if (left >= 0) {
						sum += r6[*p];
					}
					if (left + 2 < wide) {
						sum += r8[p[step2]];
					}
				}
				*out = @level(map, last, shift, sum);
				out += channels;
				at += w->step_x;
				left += w->stride_x;
			}
			line += w->step_y;
			top += w->stride_y;
		}
		in++;
	}
}
