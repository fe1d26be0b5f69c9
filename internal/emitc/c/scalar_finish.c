/* Turns sums into levels or scores of one place. */
static void @&kind&_finish(const @&kind&_layer *l, const int32_t *sum, uint8_t *out, const uint8_t *added)
{
	const int32_t *bias = l->bias;
	unsigned i;

	for (i = 0; i < l->outputs; i++) {
		@finish(&l->activation, *sum++ + *bias++, i, l->residual, out, added);
	}
}
