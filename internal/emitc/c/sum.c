/* An addition of two tensors, level by level. */
typedef struct {
	@activation activation;
	const int32_t *a_table, *b_table;
	int32_t bias;
	uint32_t a, b, out, count;
} @sum_layer;

static void @sum(const @sum_layer *l, uint8_t *arena)
{
	const uint8_t *a = arena + l->a, *b = arena + l->b;
	uint8_t *out = arena + l->out;
	uint32_t n;

	for (n = l->count; n; n--) {
		*out++ = @level(&l->activation, l->bias + l->a_table[*a++] + l->b_table[*b++]);
	}
}
