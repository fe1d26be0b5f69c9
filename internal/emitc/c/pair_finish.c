/* The two sums of a pair: the low one borrows from the high one. */
static inline int32_t @pair_low(uint32_t p)
{
	return (int16_t)(uint16_t)p;
}

static inline int32_t @pair_high(uint32_t p)
{
	return (int32_t)(p - (uint32_t)@pair_low(p)) >> 16;
}

/* Turns sums into levels or scores of one place. */
static void @pair_finish(const @pair_layer *l, const uint32_t *sum, uint8_t *out, const uint8_t *added)
{
	const uint8_t *map = l->activation.map;
	const int32_t *bias = l->bias;
	int32_t last = l->activation.last;
	uint8_t shift = l->activation.shift;
	unsigned n = l->outputs, i;

	if ((map != NULL) && (l->residual == NULL)) {
		for (; n; n -= 2) {
			uint32_t p = *sum++;

			*out++ = @level(map, last, shift, @pair_low(p) + *bias++);
			*out++ = @level(map, last, shift, @pair_high(p) + *bias++);
		}
		return;
	}
	for (i = 0; i < n; i += 2) {
		uint32_t p = *sum++;

		@finish(&l->activation, @pair_low(p) + bias[i], i, l->residual, out, added);
		@finish(&l->activation, @pair_high(p) + bias[i + 1], i + 1, l->residual, out, added);
	}
}
