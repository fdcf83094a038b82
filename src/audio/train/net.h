/*
 * The network of the voice activity detector while it is trained: a dense
 * layer, a gated recurrent unit and one output, over LANES streams at once.
 * Arrays are [row][lane], so that a vector instruction works on many lanes.
 */
#ifndef VA_TRAIN_NET_H
#define VA_TRAIN_NET_H

#include "../va_vad_features.h"

#define INPUTS VA_VAD_FEATURES
#define HIDDEN 32
#define UNITS 64
#define GATES (3 * UNITS)
#define LANES 32
#define STEPS 100 /* frames through which an error is followed back */

/* Matrices row by row, a row for each output. */
typedef struct {
    float in[HIDDEN * INPUTS], in_bias[HIDDEN];
    float gate[GATES * HIDDEN], gate_bias[GATES];
    float recall[GATES * UNITS], recall_bias[UNITS];
    float out[UNITS], out_bias;
} weights_t;

#define WEIGHTS (sizeof(weights_t) / sizeof(float))

#define NETS_MOST 3 /* that are trained one after another */

/* What one step of the forward pass leaves for the way back. */
typedef struct {
    float x[INPUTS][LANES];
    float target[LANES], weight[LANES];
    float begun[LANES]; /* 0 at the first frame of a stream, else 1 */
    float hidden[HIDDEN][LANES];
    float before[UNITS][LANES]; /* memory that went in */
    float keep[UNITS][LANES], use[UNITS][LANES], fresh[UNITS][LANES];
    float recalled[UNITS][LANES]; /* recall of the candidate, with bias */
    float memory[UNITS][LANES];
    float logit[LANES];
} step_t;

/* Runs n steps, starting from the memory that is in memory, left there. */
void net_forward(const weights_t *w, step_t *steps, int n,
                 float memory[UNITS][LANES]);

/*
 * Adds the gradient of the weighted logistic loss over n steps to gradient.
 * Returns the loss; *weight gets the sum of the weights.
 */
double net_backward(const weights_t *w, const step_t *steps, int n,
                    weights_t *gradient, double *weight);

/* Prints va_vad_weights.h: whole networks, the mean of which is the verdict. */
void net_print(const weights_t *nets, int count);

#endif
