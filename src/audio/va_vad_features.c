#include "va_vad_features.h"

#include "va_vad_fft.h"
#include "va_vad_math.h"
#include "va_vad_tables.h"

#define LOW_BIN 5    /* 156 Hz */
#define HIGH_BIN 120 /* first bin above 3720 Hz */
#define BLOCK 12     /* frames of one block of minima: 240 ms */
#define NEW_FLOOR 30.0f
#define UNSET 99.0f
#define QUIET 16           /* two steps of mu-law: nobody talks below it */
#define DB_OF_LOG2 3.0103f /* 10 log10(2) */
#define MIN_LAG 20
#define MAX_LAG 115
/* Brings a bin's squared magnitude to the square of a sample. */
#define BIN_SCALE (1.0f / (256.0f * 96.0f))

/* Where the sixteen bands begin, about as wide as the ear's. */
static const uint8_t band_edge[VA_VAD_BANDS + 1] = {
    5, 8, 11, 14, 17, 20, 24, 28, 33, 39, 46, 54, 63, 74, 87, 103, 120};

/* What one spectrum tells before the stream's past comes in. */
typedef struct {
    float power[VA_VAD_FFT / 2 + 1];
    float band[VA_VAD_BANDS]; /* dB over one unit of a sample */
    float total;              /* power of LOW_BIN..HIGH_BIN */
    float flatness;           /* mean of the logarithms less log of mean */
    float tones;              /* two strongest lines against the rest, log10 */
    float hum;                /* share of the power below 350 Hz, log10 */
    float pitch;              /* normalised autocorrelation at its best lag */
    int lag;
    int peak_bin;
    float rise; /* dB from the earlier to the later half of the frame */
} shape_t;

void va_vad_features_init(va_vad_features_t *f)
{
    memset(f, 0, sizeof(*f));
    for (int b = 0; b < VA_VAD_BANDS; b++) {
        f->floor[b] = 12.0f;
        f->prev[b] = 12.0f;
        f->cur[b] = UNSET;
        for (int k = 0; k < VA_VAD_BLOCKS; k++) {
            f->minima[k][b] = UNSET;
        }
    }
    f->peak = 40.0f;
    f->level = -100.0f;
}

/*
 * Second-order Butterworth high-pass at 130 Hz: no rumble, less hum.
 *   y[n] = P0 (x[n] + x[n-2]) + P1 x[n-1] + Q1 y[n-1] + Q2 y[n-2]
 * Four outputs at once: each is what the inputs up to it do, and the two
 * outputs before, so that only the latter wait for the four before.
 */
#define P0 0.930346f
#define P1 -1.860692f
#define Q1 1.855834f
#define Q2 -0.865549f
#define R1 (Q1 * Q1 + Q2) /* answers to one output, 1, 2 and 3 later */
#define R2 (Q1 * R1 + Q2 * Q1)
#define R3 (Q1 * R2 + Q2 * R1)

static void high_pass(va_vad_features_t *f, const float x[2 + VA_FRAME],
                      float *out)
{
    const va_v4_t by0 = {1.0f, Q1, R1, R2}, by1 = {0.0f, 1.0f, Q1, R1};
    const va_v4_t by2 = {0.0f, 0.0f, 1.0f, Q1}, by3 = {0.0f, 0.0f, 0.0f, 1.0f};
    const va_v4_t last = {Q1, R1, R2, R3};
    const va_v4_t before = {Q2, Q1 * Q2, R1 * Q2, R2 * Q2};
    float y1 = f->y1, y2 = f->y2;

    for (int i = 0; i < VA_FRAME; i += 4) {
        va_v4_t in = P0 * (va_v4_load(x + i) + va_v4_load(x + i + 2)) +
                     P1 * va_v4_load(x + i + 1);
        va_v4_t y = (in[0] * by0 + in[1] * by1) + (in[2] * by2 + in[3] * by3);

        y += y2 * before;
        y += y1 * last;
        y1 = y[3];
        y2 = y[2];
        va_v4_store(out + i, y);
    }
    f->x2 = x[VA_FRAME];
    f->x1 = x[VA_FRAME + 1];
    /* Numbers too small for full precision are slow to add. */
    f->y1 = y1 * y1 < 1e-12f ? 0.0f : y1;
    f->y2 = y2 * y2 < 1e-12f ? 0.0f : y2;
}

static float sum_of_squares(const float *x, int n)
{
    va_v4_t sum = {0};

    for (int i = 0; i < n; i += 4) {
        va_v4_t v = va_v4_load(x + i);

        sum += v * v;
    }
    return va_v4_sum(sum);
}

static float decibel(float power)
{
    return DB_OF_LOG2 * va_vad_log2(power);
}

static void find_bands(shape_t *s)
{
    float mean[VA_VAD_BANDS];

    s->total = 1e-3f;
    for (int b = 0; b < VA_VAD_BANDS; b++) {
        float sum = 1e-2f;

        for (int k = band_edge[b]; k < band_edge[b + 1]; k++) {
            sum += s->power[k];
        }
        s->total += sum;
        mean[b] = sum / (float)(band_edge[b + 1] - band_edge[b]) + 0.05f;
    }
    for (int b = 0; b < VA_VAD_BANDS; b += 4) {
        va_v4_store(s->band + b, DB_OF_LOG2 * va_v4_log2(va_v4_load(mean + b)) +
                                     va_v4_splat(13.0f));
    }
}

static float power_around(const float *power, int bin)
{
    float sum = 0.0f;

    for (int k = bin - 2; k <= bin + 2; k++) {
        sum += power[k];
    }
    return sum;
}

/* Returns the index of the largest of x[from..to-1], the lowest if several. */
static int largest(const float *x, int from, int to)
{
    va_v4_t most = va_v4_splat(-1.0f);
    va_v4i_t at = {0}, index = {from, from + 1, from + 2, from + 3};
    float best = -1.0f;
    int found = from, i = from;

    for (; i + 4 <= to; i += 4, index += 4) {
        va_v4_t v = va_v4_load(x + i);
        va_v4i_t more = v > most;

        most = va_v4_choose(more, v, most);
        at = (index & more) | (at & ~more);
    }
    for (int lane = 0; lane < 4; lane++) {
        bool first =
            most[lane] > best || (most[lane] == best && at[lane] < found);

        best = first ? most[lane] : best;
        found = first ? at[lane] : found;
    }
    for (; i < to; i++) {
        found = x[i] > best ? i : found;
        best = x[i] > best ? x[i] : best;
    }
    return found;
}

/* Tones are one or two lines that hold nearly all the power. */
static void find_lines(shape_t *s)
{
    const float *p = s->power;
    int first = largest(p, LOW_BIN, HIGH_BIN);
    int below = first > LOW_BIN + 3 ? largest(p, LOW_BIN, first - 3) : -1;
    int above = first + 4 < HIGH_BIN ? largest(p, first + 4, HIGH_BIN) : -1;
    int second =
        above < 0 || (below >= 0 && p[below] >= p[above]) ? below : above;
    float lines, rest, low = 1e-3f;

    lines = power_around(p, first) + power_around(p, second);
    rest = s->total - lines;
    rest = rest < 1e-3f ? 1e-3f : rest;
    for (int k = 2; k < 12; k++) {
        low += p[k];
    }
    s->tones = 0.30103f * va_vad_log2((lines + 1e-3f) / rest);
    s->hum = 0.30103f * va_vad_log2(low / s->total);
    s->peak_bin = first;
}

static void find_flatness(shape_t *s)
{
    va_v4_t sum = {0};

    for (int k = LOW_BIN - 1; k < HIGH_BIN; k += 4) {
        sum += va_v4_log2(va_v4_load(s->power + k) + va_v4_splat(1e-4f));
    }
    s->flatness = 0.30103f * (va_v4_sum(sum) / 116.0f -
                              va_vad_log2(s->total * (1.0f / 116.0f)));
}

/* A voice repeats itself 70 to 400 times a second. */
static void find_pitch(shape_t *s)
{
    float power[VA_VAD_FFT / 2 + 1], lags[VA_VAD_FFT / 2], best, whole;

    memcpy(power, s->power, sizeof(power));
    memset(power, 0, 4 * sizeof(power[0]));
    va_vad_fft_autocorrelation(power, lags);
    whole = lags[0] + 0.02f * 256.0f;
    for (int l = MIN_LAG - MIN_LAG % 4; l < MAX_LAG; l += 4) {
        va_v4_store(lags + l,
                    va_v4_load(lags + l) * va_v4_load(vad_lag_gain + l));
    }
    s->lag = largest(lags, MIN_LAG, MAX_LAG);
    best = lags[s->lag];
    s->lag = best > 0.0f ? s->lag : 0;
    /* White noise of this power lifts the bottom: silence has no pitch. */
    s->pitch = best > 0.0f ? best / whole : 0.0f;
    s->pitch = s->pitch > 1.2f ? 1.2f : s->pitch;
}

static void find_shape(shape_t *s, const float window[VA_VAD_WINDOW])
{
    va_vad_fft_t data;

    for (int i = 0; i < VA_VAD_FFT / 2; i += 4) {
        va_v4_t a = va_v4_load(window + 2 * i) * va_v4_load(vad_window + 2 * i);
        va_v4_t b =
            va_v4_load(window + 2 * i + 4) * va_v4_load(vad_window + 2 * i + 4);

        va_v4_store(data.re + i, VA_V4_PICK(a, b, 0, 2, 4, 6));
        va_v4_store(data.im + i, VA_V4_PICK(a, b, 1, 3, 5, 7));
    }
    va_vad_fft_power(&data, s->power);
    for (int k = 0; k < VA_VAD_FFT / 2; k += 4) {
        va_v4_store(s->power + k, va_v4_load(s->power + k) * BIN_SCALE);
    }
    s->power[VA_VAD_FFT / 2] *= BIN_SCALE;
    find_bands(s);
    find_lines(s);
    find_flatness(s);
    find_pitch(s);
    s->rise =
        decibel((sum_of_squares(&window[VA_VAD_WINDOW - 80], 80) + 80.0f) /
                (sum_of_squares(&window[VA_VAD_WINDOW - 160], 80) + 80.0f));
}

/* The shape of digital silence, without the work. */
static void silent_shape(shape_t *s)
{
    memset(s, 0, sizeof(*s));
    for (int b = 0; b < VA_VAD_BANDS; b++) {
        s->band[b] = 0.0f;
    }
    s->total = 0.1f;
    s->hum = -1.0f;
    s->peak_bin = LOW_BIN;
}

/* Moves the noise floors: the minimum of the last 1.2 to 1.4 s, smoothed. */
static void track_floor(va_vad_features_t *f, const float *band)
{
    if (f->frame == BLOCK) {
        f->frame = 0;
        memcpy(f->minima[f->block], f->cur, sizeof(f->cur));
        f->block = (f->block + 1) % VA_VAD_BLOCKS;
        for (int b = 0; b < VA_VAD_BANDS; b++) {
            f->cur[b] = UNSET;
        }
    }
    f->frame++;
    for (int b = 0; b < VA_VAD_BANDS; b++) {
        float smooth = 0.5f * (band[b] + f->prev[b]);
        float least = f->cur[b] < smooth ? f->cur[b] : smooth;
        float start;

        f->cur[b] = least;
        for (int k = 0; k < VA_VAD_BLOCKS; k++) {
            least = f->minima[k][b] < least ? f->minima[k][b] : least;
        }
        start = least < NEW_FLOOR ? least : NEW_FLOOR;
        f->floor[b] = f->begun < 5 ? start : f->floor[b];
        f->floor[b] +=
            (least > f->floor[b] ? 0.06f : 0.4f) * (least - f->floor[b]);
    }
    f->begun += f->begun < 5;
}

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static void write_features(va_vad_features_t *f, const shape_t *s, float *out)
{
    float *rest = out + 2 * VA_VAD_BANDS;
    float over = 0.0f, flux = 0.0f, level = decibel(s->total + 1.0f);
    int moved = s->peak_bin - f->peak_bin;

    for (int b = 0; b < VA_VAD_BANDS; b++) {
        float snr = clamp(s->band[b] - f->floor[b] - 2.0f, 0.0f, 40.0f);
        float change = s->band[b] - f->prev[b];

        out[b] = snr * 0.1f;
        out[VA_VAD_BANDS + b] = (s->band[b] - 30.0f) * 0.05f;
        over += snr;
        flux += change > 0.0f ? change : -change;
        f->prev[b] = s->band[b];
    }
    f->peak += (level > f->peak ? 0.3f : 0.002f) * (level - f->peak);
    moved = moved < 0 ? -moved : moved;
    rest[0] = over * (0.1f / VA_VAD_BANDS);
    rest[1] = s->pitch;
    rest[2] = (float)s->lag * 0.01f;
    rest[3] = clamp(s->tones, -3.0f, 3.0f);
    rest[4] = s->flatness + 1.0f;
    rest[5] = (level - f->peak) * 0.05f;
    rest[6] = flux * (0.1f / VA_VAD_BANDS);
    rest[7] = s->hum;
    rest[8] = (level - 40.0f) * 0.05f;
    rest[9] = clamp(s->rise * 0.1f, -3.0f, 3.0f);
    rest[10] = clamp((float)moved * 0.1f, 0.0f, 2.0f);
    rest[11] = (f->peak - 40.0f) * 0.05f;
    f->peak_bin = s->peak_bin;
}

/* Makes samples numbers.  Returns whether any is louder than QUIET. */
static bool widen(const int16_t *pcm, float *out)
{
    va_v4i_t loud = {0};

    for (int i = 0; i < VA_FRAME; i += 4) {
        va_v4s_t s;
        va_v4_t x;

        memcpy(&s, pcm + i, sizeof(s));
        x = __builtin_convertvector(s, va_v4_t);
        loud |= x * x > va_v4_splat((float)QUIET * QUIET);
        va_v4_store(out + i, x);
    }
    return (loud[0] | loud[1] | loud[2] | loud[3]) != 0;
}

void va_vad_features_frame(va_vad_features_t *f, const int16_t pcm[VA_FRAME],
                           float out[VA_VAD_FEATURES])
{
    const int old = VA_VAD_WINDOW - VA_FRAME;
    float window[VA_VAD_WINDOW], x[2 + VA_FRAME];
    shape_t s;
    bool loud = widen(pcm, x + 2);
    float power;

    x[0] = f->x2;
    x[1] = f->x1;
    memcpy(window, f->tail, sizeof(f->tail));
    if (!loud) {
        memset(window + old, 0, VA_FRAME * sizeof(window[0]));
        f->x1 = f->x2 = f->y1 = f->y2 = 0.0f;
        silent_shape(&s);
    } else {
        high_pass(f, x, window + old);
        find_shape(&s, window);
    }
    memcpy(f->tail, window + VA_FRAME, sizeof(f->tail));
    power = sum_of_squares(window + old, VA_FRAME) * (1.0f / VA_FRAME);
    f->level = clamp(decibel(power + 1e-1f) - 90.309f, -100.0f, 0.0f);
    track_floor(f, s.band);
    write_features(f, &s, out);
}
