/* Turns n sums, of outputs from first on, into levels or scores of the place
   whose outputs begin at out, and whose added operand begins at added. */
static void @finish(const @activation *a, const int32_t *z, const int32_t *bias, const int32_t *residual,
		    unsigned n, unsigned first, uint8_t *out, const uint8_t *added)
{
	const uint8_t *map = a->map;
	int32_t last = a->last;
	uint8_t shift = a->shift;
	unsigned i;

	if (map == 0) {
		int32_t *score = (int32_t *)(void *)out + first;

		for (i = n; i; i--) {
			*score++ = *z++ + *bias++;
		}
		return;
	}
	out += first;
	if (residual == 0) {
		for (i = n; i; i--) {
			*out++ = @level(map, last, shift, *z++ + *bias++);
		}
		return;
	}
	added += first;
	for (i = n; i; i--) {
		*out++ = @level(map, last, shift, *z++ + *bias++ + residual[*added++]);
	}
}
