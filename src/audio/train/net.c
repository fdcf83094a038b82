#include "net.h"

#include <math.h>

#include "../va_vad_math.h"

/* As wide as a machine may have them; on others the sums are the same. */
typedef float wide_t __attribute__((vector_size(64)));
#define WIDE 16
#define VECTORS (LANES / WIDE)

/* out[j] += sum of w[j * stride_j + i * stride_i] * in[i] */
static void multiply(float (*restrict out)[LANES], int rows, const float *w,
                     int step_j, int step_i, const float (*restrict in)[LANES],
                     int inputs)
{
    for (int j = 0; j < rows; j++) {
        wide_t sum[VECTORS];

        memcpy(sum, out[j], sizeof(sum));
        for (int i = 0; i < inputs; i++) {
            float factor = w[j * step_j + i * step_i];
            wide_t x[VECTORS];

            memcpy(x, in[i], sizeof(x));
            for (int v = 0; v < VECTORS; v++) {
                sum[v] += factor * x[v];
            }
        }
        memcpy(out[j], sum, sizeof(sum));
    }
}

static float total(const wide_t *v)
{
    float sum = 0.0f;

    for (int k = 0; k < WIDE; k++) {
        sum += (*v)[k];
    }
    return sum;
}

/* gradient[j][i] += sum over lanes of out[j] * in[i]; bias[j] likewise */
static void outer(float *restrict gradient, float *restrict bias,
                  const float (*restrict out)[LANES], int rows,
                  const float (*restrict in)[LANES], int inputs)
{
    for (int j = 0; j < rows; j++) {
        wide_t d[VECTORS], all = {0};

        memcpy(d, out[j], sizeof(d));
        for (int i = 0; i < inputs; i++) {
            wide_t sum = {0}, x[VECTORS];

            memcpy(x, in[i], sizeof(x));
            for (int v = 0; v < VECTORS; v++) {
                sum += d[v] * x[v];
            }
            gradient[j * inputs + i] += total(&sum);
        }
        for (int v = 0; v < VECTORS; v++) {
            all += d[v];
        }
        if (bias) {
            bias[j] += total(&all);
        }
    }
}

static void fill(float (*rows)[LANES], const float *bias, int n)
{
    for (int j = 0; j < n; j++) {
        for (int l = 0; l < LANES; l++) {
            rows[j][l] = bias ? bias[j] : 0.0f;
        }
    }
}

static void forward_step(const weights_t *w, step_t *s,
                         float memory[UNITS][LANES])
{
    float gate[GATES][LANES], recall[GATES][LANES];

    for (int j = 0; j < UNITS; j++) {
        for (int l = 0; l < LANES; l++) {
            s->before[j][l] = memory[j][l] * s->begun[l];
        }
    }
    fill(s->hidden, w->in_bias, HIDDEN);
    multiply(s->hidden, HIDDEN, w->in, INPUTS, 1, s->x, INPUTS);
    for (int j = 0; j < HIDDEN; j++) {
        for (int l = 0; l < LANES; l++) {
            s->hidden[j][l] = va_vad_tanh(s->hidden[j][l]);
        }
    }
    fill(gate, w->gate_bias, GATES);
    fill(recall, NULL, 2 * UNITS);
    fill(recall + 2 * UNITS, w->recall_bias, UNITS);
    multiply(gate, GATES, w->gate, HIDDEN, 1, s->hidden, HIDDEN);
    multiply(recall, GATES, w->recall, UNITS, 1, s->before, UNITS);
    fill(&s->logit, &w->out_bias, 1);
    for (int j = 0; j < UNITS; j++) {
        for (int l = 0; l < LANES; l++) {
            float keep = va_vad_sigmoid(gate[j][l] + recall[j][l]);
            float use =
                va_vad_sigmoid(gate[UNITS + j][l] + recall[UNITS + j][l]);
            float back = recall[2 * UNITS + j][l];
            float fresh = va_vad_tanh(gate[2 * UNITS + j][l] + use * back);

            s->keep[j][l] = keep;
            s->use[j][l] = use;
            s->fresh[j][l] = fresh;
            s->recalled[j][l] = back;
            memory[j][l] = fresh + keep * (s->before[j][l] - fresh);
            s->memory[j][l] = memory[j][l];
            s->logit[l] += w->out[j] * memory[j][l];
        }
    }
}

void net_forward(const weights_t *w, step_t *steps, int n,
                 float memory[UNITS][LANES])
{
    for (int t = 0; t < n; t++) {
        forward_step(w, &steps[t], memory);
    }
}

/*
 * Slope where the value is y, of the true hyperbolic tangent: near enough to
 * the rational one's for learning, and of the same sign.
 */
static float tanh_slope(float y)
{
    return 1.0f - y * y;
}

/* Loss and slope of the logits; adds the output's share to the gradient. */
static double output_slope(const weights_t *w, const step_t *s,
                           float slope[LANES], float memory[UNITS][LANES],
                           weights_t *gradient, double *weight)
{
    double loss = 0.0;

    for (int l = 0; l < LANES; l++) {
        float p = 1.0f / (1.0f + expf(-s->logit[l]));
        float right = s->target[l] > 0.5f ? p : 1.0f - p;

        slope[l] = s->weight[l] * (p - s->target[l]);
        loss -= s->weight[l] * logf(right + 1e-7f);
        *weight += s->weight[l];
        gradient->out_bias += slope[l];
    }
    for (int j = 0; j < UNITS; j++) {
        for (int l = 0; l < LANES; l++) {
            gradient->out[j] += slope[l] * s->memory[j][l];
            memory[j][l] += slope[l] * w->out[j];
        }
    }
    return loss;
}

/* From the slope of the memory after a step to that of the memory before. */
static void backward_step(const weights_t *w, const step_t *s,
                          float memory[UNITS][LANES], weights_t *gradient)
{
    static float gate[GATES][LANES], recall[GATES][LANES];
    static float hidden[HIDDEN][LANES];

    for (int j = 0; j < UNITS; j++) {
        for (int l = 0; l < LANES; l++) {
            float d = memory[j][l], keep = s->keep[j][l], use = s->use[j][l];
            float fresh = s->fresh[j][l];
            float dfresh = d * (1.0f - keep) * tanh_slope(fresh);
            float dkeep = d * (s->before[j][l] - fresh) * keep * (1.0f - keep);
            float duse = dfresh * s->recalled[j][l] * use * (1.0f - use);

            gate[j][l] = recall[j][l] = dkeep;
            gate[UNITS + j][l] = recall[UNITS + j][l] = duse;
            gate[2 * UNITS + j][l] = dfresh;
            recall[2 * UNITS + j][l] = dfresh * use;
            memory[j][l] = d * keep;
        }
    }
    outer(gradient->gate, gradient->gate_bias, gate, GATES, s->hidden, HIDDEN);
    outer(gradient->recall, NULL, recall, 2 * UNITS, s->before, UNITS);
    outer(gradient->recall + 2 * UNITS * UNITS, gradient->recall_bias,
          recall + 2 * UNITS, UNITS, s->before, UNITS);
    multiply(memory, UNITS, w->recall, 1, UNITS, recall, GATES);
    fill(hidden, NULL, HIDDEN);
    multiply(hidden, HIDDEN, w->gate, 1, HIDDEN, gate, GATES);
    for (int j = 0; j < HIDDEN; j++) {
        for (int l = 0; l < LANES; l++) {
            hidden[j][l] *= tanh_slope(s->hidden[j][l]);
        }
    }
    outer(gradient->in, gradient->in_bias, hidden, HIDDEN, s->x, INPUTS);
    for (int j = 0; j < UNITS; j++) {
        for (int l = 0; l < LANES; l++) {
            memory[j][l] *= s->begun[l];
        }
    }
}

double net_backward(const weights_t *w, const step_t *steps, int n,
                    weights_t *gradient, double *weight)
{
    float memory[UNITS][LANES] = {{0}}, slope[LANES];
    double loss = 0.0;

    *weight = 0.0;
    for (int t = n - 1; t >= 0; t--) {
        loss += output_slope(w, &steps[t], slope, memory, gradient, weight);
        backward_step(w, &steps[t], memory, gradient);
    }
    return loss;
}
