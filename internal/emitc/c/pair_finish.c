/* Turns the sums of one place into levels{{if .Scores}} or scores{{end}}. */
static void @&kind&_finish(const @&kind&_layer *l, const uint32_t *sum, uint8_t *out{{if .Added}}, const uint8_t *added{{end}})
{
	const uint8_t *map = l->activation.map;
	const @&kind&_bias *less = l->less;
	int32_t last = l->activation.last;
	uint8_t shift = l->activation.shift;
	const uint32_t *end = sum + (l->outputs >> 1);

{{if .Scores}}	if (map == NULL) {
		int32_t *score = (int32_t *)(void *)out;

		while (sum != end) {
			uint32_t p = *sum++;

			*score++ = (int32_t)((p & 0xffffu) - @&kind&_bias_at(less++));
			*score++ = (int32_t)((p >> 16) - @&kind&_bias_at(less++));
		}
		return;
	}
{{end}}{{if .Added}}	if (l->residual != NULL) {
		const int32_t *residual = l->residual;

		while (sum != end) {
			uint32_t p = *sum++;

			*out++ = @level(map, last, shift, (int32_t)((p & 0xffffu) - @&kind&_bias_at(less++)) + @i32(residual + *added++));
			*out++ = @level(map, last, shift, (int32_t)((p >> 16) - @&kind&_bias_at(less++)) + @i32(residual + *added++));
		}
		return;
	}
{{end}}	while (sum != end) {
		uint32_t p = *sum++;

		out[0] = @level(map, last, shift, (int32_t)((p & 0xffffu) - @&kind&_bias_at(less)));
		out[1] = @level(map, last, shift, (int32_t)((p >> 16) - @&kind&_bias_at(less + 1)));
		out += 2;
		less += 2;
	}
}
