/* What a classifier in C does with its scores: probabilities, and a step of training. */
#include <stdint.h>

#include "host.h"
#include "logits.h"

#define ROWS 2
#define CLASSES 3

/* Prints a number with four decimals; no library for formatted output is linked. */
static void print(const char *name, float x)
{
    char text[16], *end = text + sizeof text;
    const int negative = x < 0;
    uint32_t n = (uint32_t)((negative ? -x : x) * 10000.0f + 0.5f), digits = 0;
    *--end = 0;
    *--end = '\n';
    for (; digits < 5 || n > 0; digits++, n /= 10) {
        if (digits == 4)
            *--end = '.';
        *--end = (char)('0' + n % 10);
    }
    if (negative)
        *--end = '-';
    host_print(name);
    host_print(end);
}

int main(void)
{
    float scores[ROWS * CLASSES] = {2.0f, 1.0f, -1.0f, 0.5f, 0.5f, 3.0f};
    const uint32_t labels[ROWS] = {0, 1};
    float probabilities[CLASSES], gradient[ROWS * CLASSES];
    float sum, before, after;

    if (logits_softmax(scores, probabilities, CLASSES) != LOGITS_OK ||
        logits_log_sum_exp(scores, CLASSES, &sum) != LOGITS_OK)
        return 1;
    for (int k = 0; k < CLASSES; k++)
        print("probability  ", probabilities[k]);
    print("log-sum-exp  ", sum);

    /* Where there are two classes, σ of the difference of their scores. */
    float two = scores[0] - scores[1];
    if (logits_sigmoid(&two, &two, 1) != LOGITS_OK)
        return 1;
    print("sigmoid      ", two);

    /* A step along the gradient by the scores. */
    if (logits_cross_entropy(scores, labels, ROWS, CLASSES, gradient, &before) != LOGITS_OK)
        return 1;
    for (int i = 0; i < ROWS * CLASSES; i++)
        scores[i] -= gradient[i];
    if (logits_cross_entropy(scores, labels, ROWS, CLASSES, 0, &after) != LOGITS_OK)
        return 1;
    print("loss before  ", before);
    print("loss after   ", after);
    if (!(after < before))
        return 1;

    /* What is wrong is said, and nothing is written. */
    const uint32_t wrong[ROWS] = {0, CLASSES};
    const float kept = gradient[0];
    return !(logits_softmax(0, probabilities, CLASSES) == LOGITS_POINTER &&
             logits_sigmoid((const float *)1, probabilities, CLASSES) == LOGITS_POINTER &&
             logits_softmax(scores, probabilities, SIZE_MAX) == LOGITS_LENGTH &&
             logits_softmax(scores, scores + 1, CLASSES) == LOGITS_OVERLAP &&
             logits_softmax(0, 0, 0) == LOGITS_OK &&
             logits_log_sum_exp(scores, CLASSES, 0) == LOGITS_POINTER &&
             logits_cross_entropy(scores, labels, ROWS, 0, 0, &after) == LOGITS_LENGTH &&
             logits_cross_entropy(scores, labels, SIZE_MAX, 2, 0, &after) == LOGITS_LENGTH &&
             logits_cross_entropy(scores, labels, ROWS, CLASSES, scores + 2, &after) ==
                 LOGITS_OVERLAP &&
             logits_cross_entropy(scores, wrong, ROWS, CLASSES, gradient, &after) == LOGITS_LABEL &&
             gradient[0] == kept);
}
