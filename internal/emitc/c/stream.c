/* Whether a row completes a window: the first so many of them, then every so
   many more. */
static int @complete(uint16_t *missing, uint16_t stride)
{
	if (--*missing != 0) {
		return 0;
	}
	*missing = stride;
	return 1;
}

/* Moves the later rows of a window to its beginning, which makes room for one
   more. */
static void @advance(uint8_t *rows, uint32_t row, uint32_t kept)
{
	const uint8_t *from = rows + row;

	for (; kept; kept--) {
		*rows++ = *from++;
	}
}
