/* A convolution, or a product of a matrix and a vector. Codes serve &outputs&
   outputs at a time, of a number of taps that is even: [taps][4]. */
typedef struct {
	@window window;
	@activation activation;
	@rows rows;
	const @&kind&_code *codes;
	const int32_t *bias;     /* per output */
	const int32_t *residual; /* per level of the operand that is added; NULL: none */
	uint32_t in, out, added; /* where tensors begin in the arena */
	uint16_t channels, outputs;
	uint16_t place; /* bytes of the results of one place */
} @&kind&_layer;

/* Adds the products of the taps whose rows are in a list to four sums. */
static const @&kind&_code *@&kind&_dot(const @&kind&_code *code, const unsigned char **row, const unsigned char **end, @&kind&_sum *sum)
{
	@&kind&_sum s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];

	do {
		const unsigned char *r = row[0];

		s0 += @&kind&_entry(r, code[0]);
		s1 += @&kind&_entry(r, code[1]);
		s2 += @&kind&_entry(r, code[2]);
		s3 += @&kind&_entry(r, code[3]);
		r = row[1];
		s0 += @&kind&_entry(r, code[4]);
		s1 += @&kind&_entry(r, code[5]);
		s2 += @&kind&_entry(r, code[6]);
		s3 += @&kind&_entry(r, code[7]);
		code += 8;
		row += 2;
	} while (row != end);
	sum[0] = s0;
	sum[1] = s1;
	sum[2] = s2;
	sum[3] = s3;
	return code;
}
