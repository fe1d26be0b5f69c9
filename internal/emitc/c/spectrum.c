/* Log-mel spectra of sound in integers; every step is that of lutra's
   audio.Spectrum, bit for bit. Products with constants are sums of shifted
   numbers. The digits of a constant c - is say how a complex number is added
   up: shift it by so many bits more and add it; 16, turn the unshifted number
   by a quarter, clockwise; 17, the end. */
typedef struct {
	int32_t re, im;
} @point;

/* Samples, and the shifts that make them 13 bits: left, then right. */
typedef struct {
	const int16_t *samples;
	uint32_t count;
	uint8_t left, right;
} @sound;

/* Multiplies p by a constant in units of 1/512. Returns what follows its digits. */
static @ALONE const uint8_t *@turn(const uint8_t *digit, @point *p)
{
	uint32_t x = (uint32_t)p->re, y = (uint32_t)p->im, a = x, b = y, re = 0, im = 0;

	for (;;) {
		unsigned step;

		while ((step = @u8(digit)) < 16) {
			digit++;
			a <<= step;
			b <<= step;
			re += a;
			im += b;
		}
		digit++;
		if (step != 16) {
			break;
		}
		a = y;
		b = 0u - x;
		x = a;
		y = b;
	}
	p->re = (int32_t)re >> 9;
	p->im = (int32_t)im >> 9;
	return digit;
}

/* Sample n after pre-emphasis; silence lies around the sound. */
static int32_t @emphasised(const @sound *s, int32_t n)
{
	int32_t now, before = 0;

	if ((uint32_t)n >= s->count) {
		return 0;
	}
	now = (int32_t)((uint32_t)s->samples[n] << s->left) >> s->right;
	if (n != 0) {
		before = (int32_t)((uint32_t)s->samples[n - 1] << s->left) >> s->right;
	}
	return (now - before + (before >> 5)) >> 1;
}

/* The frame that begins at sample at, under the window, in the order of
   reversed bits. The window is symmetric: its products are made in pairs. */
static void @frame(const @sound *s, int32_t at, @point *z)
{
	const uint8_t *digit = @WINDOW;
	unsigned i, bit, reversed = 0;

	for (i = 0; i < @POINTS / 2; i++) {
		@point p;

		p.re = @emphasised(s, at + (int32_t)i);
		p.im = @emphasised(s, at + (int32_t)(@POINTS - 1 - i));
		digit = @turn(digit, &p);
		z[reversed].re = p.re;
		z[reversed].im = 0;
		z[@POINTS - 1 - reversed].re = p.im;
		z[@POINTS - 1 - reversed].im = 0;
		for (bit = @POINTS / 2; (reversed & bit) != 0; bit >>= 1) {
			reversed ^= bit;
		}
		reversed |= bit;
	}
}

/* The butterflies of one twiddle in one stage, of halves of that many points.
   Angles are in parts of @POINTS of a turn, below a half. The digits of all
   begin with a quarter of a turn, which the first quarter leaves out. */
static void @butterflies(@point *first, const @point *end, unsigned half, unsigned angle)
{
	const uint8_t *digits = @TWIDDLES + @u16(@ANGLES + (angle & (@POINTS / 4 - 1)));

	if (angle < @POINTS / 4) {
		digits++;
	}
	for (; first < end; first += half + half) {
		@point *second = first + half;
		int32_t re, im;

		if (angle != 0) {
			(void)@turn(digits, second);
		}
		re = second->re;
		im = second->im;
		second->re = first->re - re;
		second->im = first->im - im;
		first->re += re;
		first->im += im;
	}
}

/* Transforms a frame in place. */
static void @transform(@point *z)
{
	unsigned half, step = @POINTS / 2, k;

	for (half = 1; half < @POINTS; half += half) {
		unsigned angle = 0;

		for (k = 0; k < half; k++) {
			@butterflies(z + k, z + @POINTS, half, angle);
			angle += step;
		}
		step >>= 1;
	}
}

/* About the magnitude of a complex number. */
static int32_t @length(@point p)
{
	int32_t a = (p.re < 0) ? -p.re : p.re, b = (p.im < 0) ? -p.im : p.im, sum;

	if (a < b) {
		sum = a;
		a = b;
		b = sum;
	}
	sum = a - (a >> 3) + (b >> 1);
	return (sum > a) ? sum : a;
}

/* 16 times the logarithm to base 2, linear between powers of two. */
static uint16_t @logarithm(int32_t x)
{
	unsigned f = 48;

	if (x < 1) {
		return 0;
	}
	for (; x < 16; x += x) {
		f -= 16;
	}
	for (; x > 31; x >>= 1) {
		f += 16;
	}
	return (uint16_t)(f + (unsigned)x);
}

/* The logarithms of the bands of a transformed frame, which it destroys. */
static void @bands(@point *z, uint16_t *logs)
{
	const uint8_t *d = @TRIANGLES;
	unsigned b, n;

	for (n = 0; n < 128; n++) {
		z[n].re = @length(z[n]);
	}
	for (b = @BANDS; b; b--) {
		const @point *p = z + @u8(d++);
		int32_t sum = 0;

		for (n = @u8(d++); n; n--) {
			uint32_t weight = @u8(d++), x = (uint32_t)p->re, product = 0;

			for (; weight != 0; weight >>= 1) {
				if ((weight & 1) != 0) {
					product += x;
				}
				x += x;
			}
			sum += (int32_t)(product >> 3);
			p++;
		}
		*logs++ = @logarithm(sum);
	}
}

/* The levels of frames: their loudness relative to the loudest, as bytes, of
   which the table has the levels. */
static void @loudness(const uint16_t *logs, uint32_t count, const uint8_t *table, uint8_t *levels)
{
	uint32_t loudest = 0, i;

	for (i = 0; i < count; i++) {
		if (logs[i] > loudest) {
			loudest = logs[i];
		}
	}
	for (i = 0; i < count; i++) {
		uint32_t f = logs[i] + 255u;

		levels[i] = @u8(table + ((loudest != 0 && f > loudest) ? f - loudest : 0));
	}
}

/* Sets the shifts of a sound. */
static void @fit(@sound *s)
{
	uint32_t i, peak = 0;

	for (i = 0; i < s->count; i++) {
		int32_t x = s->samples[i];

		peak |= (uint32_t)((x < 0) ? -x : x);
	}
	s->left = 13;
	for (; peak != 0; peak >>= 1) {
		if (s->left != 0) {
			s->left--;
		} else {
			s->right++;
		}
	}
}

/* The spectrum of a sound: the frames in its middle. */
static void @spectrum_of(const int16_t *samples, uint32_t count, @point *z, const uint8_t *table, uint8_t *levels)
{
	@sound s = {0, 0, 0, 0};
	uint16_t *first = (uint16_t *)(void *)(z + @POINTS), *logs = first;
	uint32_t i;
	int32_t at = (int32_t)count - (@FRAMES + 1) * (@POINTS / 2);

	s.samples = samples;
	s.count = count;
	@fit(&s);
	at = at < 0 ? -(-at >> 1) : at >> 1;
	for (i = 0; i < @FRAMES; i++) {
		@frame(&s, at, z);
		@transform(z);
		@bands(z, logs);
		logs += @BANDS;
		at += @POINTS / 2;
	}
	@loudness(first, (uint32_t)(logs - first), table, levels);
}
