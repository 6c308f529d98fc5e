# The coefficients of fixed_exp.rs: e^r on |r| <= h = ln2/128 and 1%, whose best quadratic has
# 1 + h^2/8 and 1/2 + h^2/24 for the 1 and 1/2 of the series; in v = r + 2^-6, divided by its
# constant p; and the table p * 2^(j/64).
from decimal import Decimal, getcontext

getcontext().prec = 60
ln2, v = Decimal(2).ln(), Decimal(2) ** -6
h = ln2 / 128 * Decimal("1.01")
a, b = 1 + h * h / 8, Decimal("0.5") + h * h / 24
p = 1 - a * v + b * v * v
numbers = [(a - 2 * b * v) / p * 2**31, b / p * 2**26]
numbers += [p * 2**31 * (ln2 * j / 64).exp() for j in range(64)]
for number in numbers:
    bits = int(number.to_integral_value())
    print(f"0x{bits >> 16:04X}_{bits & 0xFFFF:04X}")
