/* Writes output i of a place: a score, or the level of sum z and of what the
   residual adds. */
static inline void @finish(const @activation *a, int32_t z, unsigned i, const int32_t *residual, uint8_t *out, const uint8_t *added)
{
	if (a->map == NULL) {
		((int32_t *)(void *)out)[i] = z;
		return;
	}
	if (residual != NULL) {
		z += residual[added[i]];
	}
	out[i] = @level(a->map, a->last, a->shift, z);
}
