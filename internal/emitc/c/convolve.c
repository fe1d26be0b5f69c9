/* A convolution, place by place. */
static void @&kind&_convolve(const @&kind&_layer *l, uint8_t *arena)
{
	const @window *w = &l->window;
	const unsigned char **list = (const unsigned char **)(void *)(arena + @COLUMNS);
	uint32_t *sums = (uint32_t *)(void *)(arena + @SUMS), start[4];
	const uint8_t *in = arena + l->in{{if .Added}}, *added = arena + l->added{{end}};
	uint8_t *out = arena + l->out;
	int32_t row = w->origin, top = -(int32_t)w->top;
	unsigned y, x;

	@begin(start, l->start);
	for (y = w->out_h; y != 0u; y--) {
		int32_t at = row, left = -(int32_t)w->left;

		for (x = w->out_w; x != 0u; x--) {
			const unsigned char **end = @columns(w, l->channels, l->line, &l->rows, in, at, top, left, list);

			(void)@&kind&_add(l->codes, list, end, start, 0, sums, l->outputs);
			@&kind&_finish(l, sums, out{{if .Added}}, added{{end}});
			out += l->place;
{{if .Added}}			added += l->outputs;
{{end}}			at += w->step_x;
			left += w->stride_x;
		}
		row += w->step_y;
		top += w->stride_y;
	}
}
