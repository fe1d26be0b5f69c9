/* A table of products as bytes: the row of a level begins at level << shift,
   that of padding at pad. */
typedef struct {
	const unsigned char *first, *pad;
	uint8_t shift;
} @rows;
