/* The levels of bytes, channels last: tables of 256 levels, step apart. */
static void @levels_of(const uint8_t *table, unsigned step, unsigned channels, uint32_t places, const uint8_t *in, uint8_t flip, uint8_t *out)
{
	unsigned c;

	for (; places != 0u; places--) {
		const uint8_t *t = table;

		for (c = channels; c != 0u; c--) {
			*out++ = @u8(t + (*in++ ^ flip));
			t += step;
		}
	}
}
