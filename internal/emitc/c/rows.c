/* A table of products as bytes: the row of a level begins at level << shift.
   Padding counts as level pad. */
typedef struct {
	const unsigned char *first;
	uint16_t pad;
	uint8_t shift;
} @rows;

/* Lists the rows of n levels, at least one, and returns the end of the list. */
static const unsigned char **@list(const @rows *rows, const uint8_t *level, unsigned n, const unsigned char **list)
{
	const unsigned char *first = rows->first;
	uint8_t shift = rows->shift;

	for (; n >= 4u; n -= 4u) {
		list[0] = first + ((uint32_t)level[0] << shift);
		list[1] = first + ((uint32_t)level[1] << shift);
		list[2] = first + ((uint32_t)level[2] << shift);
		list[3] = first + ((uint32_t)level[3] << shift);
		level += 4;
		list += 4;
	}
	for (; n != 0u; n--) {
		*list++ = first + ((uint32_t)*level++ << shift);
	}
	return list;
}

/* What sums begin with. */
static void @begin(uint32_t *sums, uint32_t start)
{
	sums[0] = start;
	sums[1] = start;
	sums[2] = start;
	sums[3] = start;
}
