/* The levels of samples of 16 bits: the lowest, and the next for every bound
   that a sample reaches. Bounds ascend. */
static void @levels_of_samples(const int16_t *bounds, unsigned count, unsigned lowest, uint32_t n, const int16_t *in, uint8_t *out)
{
	for (; n != 0u; n--) {
		const int16_t *b = bounds;
		int16_t x = *in++;
		unsigned left = count;

		while (left != 0u) {
			unsigned half = left >> 1;

			if (x >= @i16(b + half)) {
				b += half + 1u;
				left -= half + 1u;
			} else {
				left = half;
			}
		}
		*out++ = (uint8_t)(lowest + (unsigned)(b - bounds));
	}
}
