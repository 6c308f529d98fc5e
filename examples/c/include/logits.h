/*
 * Softmax, log-sum-exp, sigmoid and cross-entropy with its gradient, in float, for C.
 *
 * The library, liblogits.a, allocates nothing, keeps no state and needs nothing but
 * memcpy, memmove, memset and memcmp, which it brings along. Infinities and NaN are allowed
 * everywhere: the documentation of the Rust crate `logits` says what becomes of them, and how
 * large errors are.
 *
 * Every function returns LOGITS_OK, or else has written nothing. A pointer may be null only
 * where its length is 0, or where it is said here.
 */
#ifndef LOGITS_H
#define LOGITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t logits_status;

#define LOGITS_OK 0
/* A pointer is null, or not a multiple of its type's alignment. */
#define LOGITS_POINTER 1
/* There are rows without columns, or more elements than memory has. */
#define LOGITS_LENGTH 2
/* A label is not below the number of columns. */
#define LOGITS_LABEL 3
/* What is read and what is written overlap, but are not the same. */
#define LOGITS_OVERLAP 4

/* out[k] = e^x[k] / sum of e^x[j], for n elements. In place where out is x. */
logits_status logits_softmax(const float *x, float *out, size_t n);

/* result = ln of the sum of e^x[j], of n elements; minus infinity for none. */
logits_status logits_log_sum_exp(const float *x, size_t n, float *result);

/* out[k] = 1 / (1 + e^-x[k]), for n elements. In place where out is x. */
logits_status logits_sigmoid(const float *x, float *out, size_t n);

/*
 * The mean loss -ln softmax(scores)[label] of rows of scores, one after the other, each against
 * the column that its label names; NaN for no rows.
 *
 * gradient, of as many elements as scores, becomes the derivative of the mean by each score. It
 * may be null, and is then not computed; it may be scores, which are then overwritten.
 */
logits_status logits_cross_entropy(const float *scores, const uint32_t *labels, size_t rows,
                                   size_t columns, float *gradient, float *loss);

#ifdef __cplusplus
}
#endif

#endif
