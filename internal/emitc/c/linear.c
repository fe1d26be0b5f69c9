/* A convolution, or a product of a matrix and a vector. Codes serve &outputs&
   outputs at a time, of a number of taps that is a multiple of four: [taps][4]. */
typedef struct {
	@window window;
	@activation activation;
	@rows rows;
	const @&kind&_code *codes;
	const @&kind&_bias *less; /* per output, what its sum is too large */
{{if .Added}}	const int32_t *residual; /* per level of the operand that is added; NULL: none */
	uint32_t added;          /* where that is in the arena */
{{end}}	uint32_t start; /* of sums */
	uint32_t in, out; /* where tensors begin in the arena */
	uint16_t channels, line, outputs; /* line: levels of a line of taps */
	uint16_t place; /* bytes of the results of one place */
} @&kind&_layer;

/* Adds the products of the taps whose rows are in a list to the sums of all
   outputs. Sum by sum, product by product, so that four rows, a code and a
   product are all that Armv6-M has to keep in its eight registers. The first
   four sums begin as those at from, the others as those step words on. Returns
   the codes behind those of the list. */
static @ALONE const @&kind&_code *@&kind&_add(const @&kind&_code *code, const unsigned char **list, const unsigned char **end,
					       const uint32_t *from, unsigned step, uint32_t *sum, unsigned outputs)
{
	unsigned first;

	for (first = 0; first < outputs; first += &outputs&) {
		uint32_t s0 = from[0], s1 = from[1], s2 = from[2], s3 = from[3];
		const unsigned char **row = list;

		do {
			const unsigned char *a = row[0], *b = row[1], *c = row[2], *d = row[3];

			s0 += @&kind&_entry(a, code);
			s0 += @&kind&_entry(b, code + 4);
			s0 += @&kind&_entry(c, code + 8);
			s0 += @&kind&_entry(d, code + 12);
			s1 += @&kind&_entry(a, code + 1);
			s1 += @&kind&_entry(b, code + 5);
			s1 += @&kind&_entry(c, code + 9);
			s1 += @&kind&_entry(d, code + 13);
			s2 += @&kind&_entry(a, code + 2);
			s2 += @&kind&_entry(b, code + 6);
			s2 += @&kind&_entry(c, code + 10);
			s2 += @&kind&_entry(d, code + 14);
			s3 += @&kind&_entry(a, code + 3);
			s3 += @&kind&_entry(b, code + 7);
			s3 += @&kind&_entry(c, code + 11);
			s3 += @&kind&_entry(d, code + 15);
			code += 16;
			row += 4;
		} while (row != end);
		sum[0] = s0;
		sum[1] = s1;
		sum[2] = s2;
		sum[3] = s3;
		sum += 4;
		from += step;
	}
	return code;
}
