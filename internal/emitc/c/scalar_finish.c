/* Turns four sums, of outputs from first on, into levels or scores of one place. */
static void @scalar_finish(const @scalar_layer *l, int32_t *sum, unsigned first, uint8_t *out, const uint8_t *added)
{
	unsigned n = l->outputs - first;

	@finish(&l->activation, sum, l->bias + first, l->residual, n < 4 ? n : 4, first, out, added);
}
