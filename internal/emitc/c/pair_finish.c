/* Turns four pairs of sums, of outputs from first on, into levels or scores of
   one place. The low sum of a pair borrows from the high one. */
static void @pair_finish(const @pair_layer *l, const uint32_t *sum, unsigned first, uint8_t *out, const uint8_t *added)
{
	const int32_t *bias = l->bias + first;
	unsigned n = l->outputs - first, i;
	int32_t z[8];

	if (l->activation.map != 0 && l->residual == 0 && n >= 8) {
		const uint8_t *map = l->activation.map;
		int32_t last = l->activation.last;
		uint8_t shift = l->activation.shift;

		out += first;
		for (i = 4; i; i--) {
			uint32_t p = *sum++;
			int32_t low = (int16_t)(uint16_t)p;

			out[0] = @level(map, last, shift, low + bias[0]);
			out[1] = @level(map, last, shift, ((int32_t)(p - (uint32_t)low) >> 16) + bias[1]);
			out += 2;
			bias += 2;
		}
		return;
	}
	for (i = 0; i < 8; i += 2) {
		uint32_t p = *sum++;
		int32_t low = (int16_t)(uint16_t)p;

		z[i] = low;
		z[i + 1] = (int32_t)(p - (uint32_t)low) >> 16;
	}
	@finish(&l->activation, z, bias, l->residual, n < 8 ? n : 8, first, out, added);
}
