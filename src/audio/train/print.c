#include <math.h>
#include <stdio.h>

#include "net.h"

/* What stands for 1 in the whole numbers of the weights and of their inputs. */
#define WEIGHT_ONE 2048
#define INPUT_ONE 4096

static void print_begin(const char *name)
{
    printf("     .%s = {", name);
}

/* Prints a matrix of rows x columns so that a column's weights are together. */
static void print_array(const char *name, const float *w, int rows, int columns)
{
    int at = 0;

    print_begin(name);
    for (int i = 0; i < columns; i++) {
        for (int j = 0; j < rows; j++) {
            printf("%s%.5g,", at++ % 8 ? " " : "\n         ",
                   (double)w[j * columns + i]);
        }
    }
    puts("\n     },");
}

/*
 * Prints a matrix of whole numbers in pairs of columns, as va_vad_sums.h wants
 * it; what does not fit is cut.
 */
static void print_pairs(const char *name, const float *w, int rows, int columns)
{
    int at = 0;

    print_begin(name);
    for (int i = 0; i < columns; i += 2) {
        for (int j = 0; j < rows; j++) {
            for (int k = i; k < i + 2; k++) {
                float x = rintf(w[j * columns + k] * WEIGHT_ONE);

                x = x > 32767.0f ? 32767.0f : x < -32767.0f ? -32767.0f : x;
                printf("%s%d,", at++ % 12 ? " " : "\n         ", (int)x);
            }
        }
    }
    puts("\n     },");
}

static void print_head(int count)
{
    puts("/* Written by src/audio/train/train_vad: do not edit. */\n"
         "#ifndef VA_VAD_WEIGHTS_H\n#define VA_VAD_WEIGHTS_H\n\n"
         "#include <stdint.h>\n");
    printf("#define VAD_NETS %d\n#define VAD_INPUTS %d\n"
           "#define VAD_HIDDEN %d\n#define VAD_UNITS %d\n",
           count, INPUTS, HIDDEN, UNITS);
    printf("#define VAD_WEIGHT_ONE %d.0f /* stands for 1 in the integers */\n"
           "#define VAD_INPUT_ONE %d.0f  /* and in what they multiply */\n\n",
           WEIGHT_ONE, INPUT_ONE);
    puts("typedef struct {\n"
         "    float in[VAD_HIDDEN * VAD_INPUTS], in_bias[VAD_HIDDEN];\n"
         "    int16_t gate[3 * VAD_UNITS * VAD_HIDDEN];\n"
         "    float gate_bias[3 * VAD_UNITS];\n"
         "    int16_t recall[3 * VAD_UNITS * VAD_UNITS];\n"
         "    float recall_bias[VAD_UNITS], out[VAD_UNITS], out_bias;\n"
         "} vad_net_t;\n");
}

void net_print(const weights_t *nets, int count)
{
    print_head(count);
    puts("static const vad_net_t vad_nets[VAD_NETS] = {");
    for (int n = 0; n < count; n++) {
        const weights_t *w = &nets[n];

        puts("    {");
        print_array("in", w->in, HIDDEN, INPUTS);
        print_array("in_bias", w->in_bias, HIDDEN, 1);
        print_pairs("gate", w->gate, GATES, HIDDEN);
        print_array("gate_bias", w->gate_bias, GATES, 1);
        print_pairs("recall", w->recall, GATES, UNITS);
        print_array("recall_bias", w->recall_bias, UNITS, 1);
        print_array("out", w->out, UNITS, 1);
        printf("     .out_bias = %.5gf},\n", (double)w->out_bias);
    }
    puts("};\n\n#endif");
}
