# python3 src/math/shifted_exp.py
# Prints the table of src/math/shifted_exp.rs, its factor and its error.

from math import log

STEPS = 2**23  # f32 in [1, 2) are whole numbers of 1/STEPS
POWERS = [2 ** (j / 16) for j in range(16)]


def spread(first, limit):
    """The least and the largest relative error of first * 2^(j/16) as f32.

    None if they are further apart than the limit."""
    least = most = 0.0  # of j = 0
    for power in POWERS:
        exact = first * power
        error = round(exact) / exact - 1
        least, most = min(least, error), max(most, error)
        if most - least >= limit:
            return None
    return least, most


best = (1.0,)
for first in range(STEPS, int(STEPS * POWERS[1])):
    if errors := spread(first, best[0]):
        best = (errors[1] - errors[0], first, *errors)
_, first, least, most = best

# With the error's middle in the factor, both ends are as far from it; so with the polynomial's,
# see shifted_exp.sollya.
of_table = first / STEPS * (1 + (least + most) / 2)
factor = of_table * (1 + (log(2) / 32 * 1.01) ** 4 / 192)
table = [round(first * power) for power in POWERS]
print("TABLE:")
for entry in table:
    bits = entry - STEPS + 0x3F800000
    print(f"0x{bits >> 16:04X}_{bits & 0xFFFF:04X}")
print("FACTOR:", factor)
print("TABLE_LOW:")
for entry, power in zip(table, POWERS):
    print(f"{factor * power / (entry / STEPS) - 1:.8e},")
print("largest error:", max(abs(entry / STEPS / (of_table * power) - 1) for entry, power in zip(table, POWERS)))
