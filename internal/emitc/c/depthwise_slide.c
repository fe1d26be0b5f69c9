/* Filters of 3x3 that move by one place along lines of the input: rows or
   columns, whichever are longer. */
typedef struct {
	@activation activation;
	const int16_t *table, *zeros; /* zeros: a row of them */
	const uint8_t *codes;         /* [channels][lines][places] */
	const @filter_bias *bias;
	uint32_t in, out;
	int32_t origin; /* bytes to the first tap at the beginning of a line */
	int32_t next, line, place, out_line, out_place; /* bytes between neighbours; next: lines of outputs */
	uint16_t channels, lines, high, stride, top; /* high: lines of the input */
	uint16_t begun;    /* places of the input before an output is complete */
	uint16_t complete; /* places that complete one */
	uint8_t end;       /* whether one more is complete behind the last place */
	uint8_t shift;     /* of rows */
} @slide_layer;

/* One line of outputs; r begins with the rows of the taps. Every place of the
   input adds to the three outputs whose windows it is in. */
static void @slide_line(const @slide_layer *l, const int16_t *const *r, const uint8_t *p, int32_t start, uint8_t *out)
{
	int32_t line = l->line, place = l->place, step = l->out_place, last = l->activation.last, s0 = start, s1 = start;
	const uint8_t *map = l->activation.map;
	uint8_t shift = l->activation.shift;
	unsigned n;

	for (n = l->begun; n != 0u; n--) {
		uint32_t a = p[0], b = p[line], c = p[line + line];

		s0 = s1 + @i16(r[1] + a) + @i16(r[4] + b) + @i16(r[7] + c);
		s1 = start + @i16(r[0] + a) + @i16(r[3] + b) + @i16(r[6] + c);
		p += place;
	}
	for (n = l->complete; n != 0u; n--) {
		uint32_t a = p[0], b = p[line], c = p[line + line];

		*out = @level(map, last, shift, s0 + @i16(r[2] + a) + @i16(r[5] + b) + @i16(r[8] + c));
		s0 = s1 + @i16(r[1] + a) + @i16(r[4] + b) + @i16(r[7] + c);
		s1 = start + @i16(r[0] + a) + @i16(r[3] + b) + @i16(r[6] + c);
		p += place;
		out += step;
	}
	if (l->end != 0u) {
		*out = @level(map, last, shift, s0);
	}
}

/* Lines of zeros lie before and behind the rows of the taps: a window whose
   first or last line is outside is moved inside, so that these taps meet
   zeros. */
static void @depthwise_slide(const @slide_layer *l, uint8_t *arena)
{
	const int16_t *rows[15];
	const uint8_t *code = l->codes, *in = arena + l->in;
	uint8_t *first = arena + l->out;
	int32_t high = l->high;
	unsigned c, y, i;

	for (i = 0; i < 3; i++) {
		rows[i] = l->zeros;
		rows[i + 12] = l->zeros;
	}
	for (c = 0; c < l->channels; c++) {
		uint8_t *out = first + c;
		int32_t at = l->origin, top = -(int32_t)l->top;

		for (i = 3; i < 12; i++) {
			rows[i] = l->table + ((uint32_t)@u8(code++) << l->shift);
		}
		for (y = l->lines; y != 0u; y--) {
			const int16_t *const *r = rows + 3;
			int32_t moved = at;

			if (top < 0) {
				r += 3;
				moved += l->line;
			} else if ((top + 2) >= high) {
				r -= 3;
				moved -= l->line;
			} else {
				/* all lines are inside */
			}
			@slide_line(l, r, in + moved, @filter_bias_at(l->bias + c), out);
			at += l->next;
			top += l->stride;
			out += l->out_line;
		}
		in++;
	}
}
