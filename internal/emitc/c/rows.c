/* A table of products as bytes: the row of a level begins at level << shift,
   that of padding at pad. */
typedef struct {
	const unsigned char *first, *pad;
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
