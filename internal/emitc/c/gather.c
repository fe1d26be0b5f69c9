/* Levels that move: a slice, new channels, a transposition. Level c of a place
   is found at places + channels[c] of the input; below 0 stands for a level
   that is new. */
typedef struct {
	const int32_t *places, *channels;
	uint32_t in, out, count;
	uint32_t width; /* channels */
	uint8_t fill;
} @gather_layer;

static void @gather(const @gather_layer *l, uint8_t *arena)
{
	const uint8_t *in = arena + l->in;
	const int32_t *place = l->places;
	uint8_t *out = arena + l->out;
	uint32_t n, c;

	for (n = l->count; n != 0u; n--) {
		int32_t at = @i32(place++);

		for (c = 0; c < l->width; c++) {
			int32_t from = @i32(l->channels + c);

			*out++ = (from < 0) ? l->fill : in[at + from];
		}
	}
}
