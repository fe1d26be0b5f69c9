/* Levels are bytes, channels last; scores are int32_t. A row of a table holds
   the products of one level. Steps between neighbours are precomputed, so that
   no address takes a multiplication. */

/* A function that is slower where it is inlined: it needs all registers of
   Armv6-M. */
#if defined(__GNUC__)
#define @ALONE __attribute__((noinline))
#else
#define @ALONE
#endif

/* Where output (y, x) reads its taps. */
typedef struct {
	uint16_t out_h, out_w, in_h, in_w, kernel_h, kernel_w;
	uint16_t stride_y, stride_x, dilation_y, dilation_x;
	int16_t top, left;      /* the first tap of output (0, 0) is at (-top, -left) */
	int32_t origin;         /* bytes from the first byte of the input to that tap */
	int32_t step_y, step_x; /* bytes between the first taps of neighbouring outputs */
	int32_t tap_y, tap_x;   /* bytes between neighbouring taps */
} @window;

/* A sum, shifted and limited to the bins, is looked up: the level. Without a
   map sums are scores. */
typedef struct {
	const uint8_t *map;
	uint16_t last; /* bin */
	uint8_t shift;
} @activation;

/* The level of a sum z. The fields of the activation come as values, for the
   compiler takes them to change with every level that is written. */
static inline uint8_t @level(const uint8_t *map, int32_t last, uint8_t shift, int32_t z)
{
	z >>= shift;
	if ((uint32_t)z > (uint32_t)last) {
		z = (z < 0) ? 0 : last;
	}
	return @u8(map + z);
}
