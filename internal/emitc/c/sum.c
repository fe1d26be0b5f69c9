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
	const int32_t *a_table = l->a_table, *b_table = l->b_table;
	const uint8_t *map = l->activation.map;
	int32_t last = l->activation.last, bias = l->bias;
	uint8_t shift = l->activation.shift;
	uint32_t n;

	for (n = l->count; n != 0u; n--) {
		*out++ = @level(map, last, shift, bias + @i32(a_table + *a++) + @i32(b_table + *b++));
	}
}
