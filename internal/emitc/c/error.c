/* The sum of squares of how far the levels of an output are from those of an
   input, which lie at places between them. */
static uint32_t @distance(const int16_t *places, const uint32_t *squares, const uint8_t *in, const uint8_t *out, uint32_t n)
{
	uint32_t sum = 0;

	for (; n != 0u; n--) {
		int32_t d = (int32_t)*out++ - @i16(places + *in++);

		sum += @u32(squares + ((d < 0) ? -d : d));
	}
	return sum;
}
