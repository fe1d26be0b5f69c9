/* What a stream of sound remembers: the frame, and one sample before it; the
   logarithms of the last frames, the newest last; the reference of loudness. */
typedef struct {
	int16_t samples[@POINTS + 1];
	uint16_t logs[@HELD][@BANDS];
	uint16_t loudest;
} @ear;

/* Takes half a frame of samples, and makes the levels of the frame that is to
   be heard now: lutra's audio.Stream, bit for bit. */
static void @hear(@ear *ear, const int16_t *samples, @point *z, const uint8_t *table, uint8_t *levels)
{
	@sound s = {0, 0, 0, 0};
	uint16_t *logs = ear->logs[0];
	unsigned i;

	for (i = 0; i <= @POINTS / 2; i++) {
		ear->samples[i] = ear->samples[i + @POINTS / 2];
	}
	for (i = 0; i < @POINTS / 2; i++) {
		ear->samples[i + @POINTS / 2 + 1] = samples[i];
	}
	s.samples = ear->samples;
	s.count = @POINTS + 1;
	@fit(&s);
	@frame(&s, 1, z);
	@transform(z);
	for (i = @HELD - 1; i; i--) {
		unsigned b;

		for (b = @BANDS; b; b--) {
			logs[0] = logs[@BANDS];
			logs++;
		}
	}
	@bands(z, logs);
	if (ear->loudest > @QUIET) {
		ear->loudest--;
	}
	for (i = 0; i < @BANDS; i++) {
		unsigned f = logs[i], less = (unsigned)s.left << 4;

		if (f != 0) {
			f += (unsigned)s.right << 4;
			f = (f > less) ? (f - less) : 0;
		}
		logs[i] = (uint16_t)f;
		if (f > ear->loudest) {
			ear->loudest = (uint16_t)f;
		}
	}
	for (i = 0; i < @BANDS; i++) {
		unsigned f = ear->logs[0][i] + 255u;

		f = (f > ear->loudest) ? (f - ear->loudest) : 0;
		levels[i] = @u8(table + ((f < 255) ? f : 255));
	}
}
