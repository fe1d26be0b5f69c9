/* A convolution with one filter per channel. The table is turned: a row holds
   the products of one codeword, so that every tap is one row. */
typedef struct {
	@window window;
	@activation activation;
	const int16_t *table, *zeros; /* zeros: a row of them */
	const uint8_t *codes; /* [channels][taps] */
	const @filter_bias *bias;
	uint32_t in, out;
	uint16_t channels;
	uint8_t shift; /* of rows */
} @depthwise_layer;
