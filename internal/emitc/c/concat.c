/* One operand of a concatenation along the channels. */
typedef struct {
	const uint8_t *map; /* of levels; NULL: they stay */
	uint32_t in, out, places;
	uint16_t channels, out_channels;
} @concat_layer;

static void @concat(const @concat_layer *l, uint8_t *arena)
{
	const uint8_t *in = arena + l->in;
	uint8_t *out = arena + l->out;
	uint32_t n;
	unsigned c;

	for (n = l->places; n != 0u; n--) {
		uint8_t *d = out;

		for (c = l->channels; c != 0u; c--) {
			*d++ = (l->map != NULL) ? @u8(l->map + *in) : *in;
			in++;
		}
		out += l->out_channels;
	}
}
