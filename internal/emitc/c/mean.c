/* The mean over all of time, as a sum that a row is added to and the oldest is
   taken from. */
typedef struct {
	@activation activation;
	const int32_t *table; /* per level */
	int32_t bias;
	uint32_t in, out;
	uint32_t totals;      /* int32_t [channels], behind it those of each row, and the place of the oldest */
	uint32_t size;        /* bytes of the sums of all rows */
	uint16_t width, channels;
} @mean_layer;

static void @mean(const @mean_layer *l, uint8_t *arena)
{
	int32_t *total = (int32_t *)(void *)(arena + l->totals);
	uint8_t *rows = (uint8_t *)(total + l->channels), *out = arena + l->out;
	uint32_t *place = (uint32_t *)(void *)(rows + l->size);
	int32_t *oldest = (int32_t *)(void *)(rows + *place);
	unsigned c, x;

	for (c = 0; c < l->channels; c++) {
		const uint8_t *in = arena + l->in + c;
		int32_t sum = 0;

		for (x = l->width; x; x--) {
			sum += @i32(l->table + *in);
			in += l->channels;
		}
		total[c] += sum - oldest[c];
		oldest[c] = sum;
		out[c] = @level(l->activation.map, l->activation.last, l->activation.shift, l->bias + total[c]);
	}
	*place = (uint32_t)((uint8_t *)(oldest + l->channels) - rows);
	if (*place == l->size) {
		*place = 0;
	}
}
