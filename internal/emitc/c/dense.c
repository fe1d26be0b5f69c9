/* A product of a matrix and a vector, @CHUNK taps at a time: the list of rows
   stays short. The codes are those of all outputs for the first taps, then
   those for the next ones. */
static void @&kind&_dense(const @&kind&_layer *l, uint8_t *arena)
{
	const unsigned char **list = (const unsigned char **)(void *)(arena + @COLUMNS);
	uint32_t *sums = (uint32_t *)(void *)(arena + @SUMS), start[4];
	const uint32_t *from = start;
	const uint8_t *in = arena + l->in;
	const @&kind&_code *code = l->codes;
	unsigned left = l->channels, step = 0;

	@begin(start, l->start);
	while (left != 0u) {
		unsigned n = (left < @CHUNK) ? left : @CHUNK;
		const unsigned char **d = @list(&l->rows, in, n, list);

		in += n;
		left -= n;
		while (((d - list) & 3) != 0) {
			*d++ = l->rows.first + ((uint32_t)l->rows.pad << l->rows.shift);
		}
		code = @&kind&_add(code, list, d, from, step, sums, l->outputs);
		from = sums;
		step = 4;
	}
	@&kind&_finish(l, sums, arena + l->out{{if .Added}}, arena + l->added{{end}});
}
