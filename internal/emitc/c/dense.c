/* A product of a matrix and a vector, @CHUNK taps at a time: the list of rows
   stays short. The codes are those of all outputs for the first taps, then
   those for the next ones. */
static void @&kind&_dense(const @&kind&_layer *l, uint8_t *arena)
{
	const unsigned char **list = (const unsigned char **)(void *)(arena + @COLUMNS);
	@&kind&_sum *sums = (@&kind&_sum *)(void *)(arena + @SUMS), *sum = sums;
	const uint8_t *in = arena + l->in, *added = arena + l->added;
	const @&kind&_code *code = l->codes;
	unsigned first, left = l->channels;

	for (first = 0; first < l->outputs; first += &outputs&) {
		*sum++ = 0;
		*sum++ = 0;
		*sum++ = 0;
		*sum++ = 0;
	}
	while (left) {
		unsigned n = left < @CHUNK ? left : @CHUNK;
		const unsigned char **d = list;

		left -= n;
		for (; n; n--) {
			*d++ = l->rows.first + ((uint32_t)*in++ << l->rows.shift);
		}
		if (((d - list) & 1) != 0) {
			*d++ = l->rows.pad;
		}
		for (sum = sums, first = 0; first < l->outputs; sum += 4, first += &outputs&) {
			code = @&kind&_dot(code, list, d, sum);
		}
	}
	for (sum = sums, first = 0; first < l->outputs; sum += 4, first += &outputs&) {
		@&kind&_finish(l, sum, first, arena + l->out, added);
	}
}
