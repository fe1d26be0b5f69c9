/* Filters of 3x3 whose middle tap is never outside, on inputs of 3x3 or more.
   The rows of the taps lie in a frame of rows of zeros: a window that leaves
   the input is moved back, and the taps with it, so that those outside meet
   zeros. */
static void @depthwise_3x3(const @depthwise_layer *l, uint8_t *arena)
{
	const @window *w = &l->window;
	const uint8_t *code = l->codes, *map = l->activation.map, *in = arena + l->in;
	const @filter_bias *bias = l->bias;
	const int16_t *rows[25];
	uint8_t *first = arena + l->out;
	int32_t last = l->activation.last, step = w->tap_x, step2 = step + step, line = w->tap_y;
	uint32_t high = w->in_h - 3u, wide = w->in_w - 3u;
	uint8_t shift = l->activation.shift;
	unsigned channels = l->channels, c, i, j;

	for (i = 0; i < 25; i++) {
		rows[i] = l->zeros;
	}
	for (c = channels; c != 0u; c--) {
		uint8_t *out = first++;
		int32_t begin = w->origin, top = -(int32_t)w->top, start = @filter_bias_at(bias++);
		unsigned y, x;

		for (i = 6; i < 21; i += 5) {
			for (j = 0; j < 3; j++) {
				rows[i + j] = l->table + ((uint32_t)@u8(code++) << l->shift);
			}
		}
		for (y = w->out_h; y != 0u; y--) {
			const int16_t *const *middle = rows + 6;
			int32_t at = begin, left = -(int32_t)w->left;

			if (top < 0) {
				middle += 5;
				at += line;
			} else if ((uint32_t)top > high) {
				middle -= 5;
				at -= line;
			} else {
				/* all lines are inside */
			}
			for (x = w->out_w; x != 0u; x--) {
				const int16_t *const *r = middle;
				int32_t moved = at, sum = start;
				const uint8_t *p;

				if ((uint32_t)left > wide) {
					if (left < 0) {
						r++;
						moved += step;
					} else {
						r--;
						moved -= step;
					}
				}
				p = in + moved;
				sum += @i16(r[0] + p[0]);
				sum += @i16(r[1] + p[step]);
				sum += @i16(r[2] + p[step2]);
				p += line;
				sum += @i16(r[5] + p[0]);
				sum += @i16(r[6] + p[step]);
				sum += @i16(r[7] + p[step2]);
				p += line;
				sum += @i16(r[10] + p[0]);
				sum += @i16(r[11] + p[step]);
				sum += @i16(r[12] + p[step2]);
				*out = @level(map, last, shift, sum);
				out += channels;
				at += w->step_x;
				left += w->stride_x;
			}
			begin += w->step_y;
			top += w->stride_y;
		}
		in++;
	}
}
