#include "va_fold.h"

#include <math.h>

/* How much of the mirror image stays, 0..1: found by measurement. */
#define IMAGE 0.30F

/* Taps on either side that meet an odd output sample. */
#define SIDE 12

/*
 * The half-band interpolator: even outputs are the inputs themselves, odd ones
 * a windowed sinc over the neighbours.
 */
static void weigh(float w[SIDE])
{
    int k;
    double t;

    for (k = 0; k < SIDE; k++) {
        t = k + 0.5;
        w[k] = (float)((0.54 + 0.46 * cos(M_PI * t / SIDE)) * sin(M_PI * t) /
                       (M_PI * t));
    }
}

static int16_t clip(float x)
{
    if (x > 32767.0F) {
        return 32767;
    }
    return x < -32768.0F ? -32768 : (int16_t)lrintf(x);
}

static float between(const int16_t *in, size_t n, size_t i, const float w[SIDE])
{
    float sum = 0.0F;
    size_t k;

    for (k = 0; k < SIDE; k++) {
        if (i >= k) {
            sum += w[k] * (float)in[i - k];
        }
        if (n - i > k + 1) {
            sum += w[k] * (float)in[i + k + 1];
        }
    }
    return sum;
}

void va_fold_up(int16_t *out, const int16_t *in, size_t n)
{
    float w[SIDE];
    size_t i;

    weigh(w);
    /* The image flips the sign of what it adds at every other sample. */
    for (i = 0; i < n; i++) {
        out[2 * i] = clip((float)in[i] * (1.0F + IMAGE));
        out[2 * i + 1] = clip(between(in, n, i, w) * (1.0F - IMAGE));
    }
}
