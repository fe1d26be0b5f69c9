/* A product of a matrix and a vector, @CHUNK taps at a time: the list of rows
   stays short. The codes are those of all outputs for the first taps, then
   those for the next ones. */
static void @&kind&_dense(const @&kind&_layer *l, uint8_t *arena)
{
	const unsigned char **list = (const unsigned char **)(void *)(arena + @COLUMNS);
	@&kind&_sum *sums = (@&kind&_sum *)(void *)(arena + @SUMS);
	const @&kind&_sum *from = @&kind&_zeros;
	const uint8_t *in = arena + l->in;
	const @&kind&_code *code = l->codes;
	unsigned left = l->channels, step = 0;

	while (left != 0u) {
		unsigned n = (left < @CHUNK) ? left : @CHUNK;
		const unsigned char **d = @list(&l->rows, in, n, list);

		in += n;
		left -= n;
		while (((d - list) & 3) != 0) {
			*d++ = l->rows.pad;
		}
		code = @&kind&_add(code, list, d, from, step, sums, l->outputs);
		from = sums;
		step = 4;
	}
	@&kind&_finish(l, sums, arena + l->out, arena + l->added);
}
