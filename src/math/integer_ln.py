# Prints the integers of integer_ln.rs:
# - ln 2 as two whole numbers, in units of 2^-16 and 2^-35.
# - For each 32nd of 1 <= m < 2, the reciprocal of a number c, in units of 2^-12. c is in the middle of
#   the 32nd, except for the first, where c = 1, and the last, where c = 2.
# - ln c - 126*ln 2 for each c, as two whole numbers in the units of those of ln 2.
# - 1/2, C2 and C3 = 1/4 of the polynomial 1/2 + q*(C2 + q*C3) for -(ln(1 - q) + q)/q^2. C2 is 1/3 plus
#   what the next odd term of the series adds to it at |q| = 1/64.
# - The coefficients of a polynomial in d for (ln(1 + d) - d)/d^2 with |d| <= 0.0323. Both are equal at
#   the zeros of the Chebyshev polynomial of one degree more.
# The units of the coefficients are those that integer_ln.rs states.
from decimal import Decimal

from integer import ln2, polynomial, print_integer, zeros


def parts(number):
    high = (number * 2**16).to_integral_value()
    return high, ((number * 2**16 - high) * 2**19).to_integral_value()


def rest_of_ln(r):
    return ((1 + r).ln() - r) / r**2


high, low = parts(ln2)
print_integer(high)
print_integer(low)
reciprocals = [(2**12 * 64 / Decimal(65 + 2 * j)).to_integral_value() for j in range(32)]
reciprocals[0], reciprocals[31] = Decimal(2**12), Decimal(2**11)
ln_c = [parts((2**12 / reciprocal).ln()) for reciprocal in reciprocals]
for reciprocal in reciprocals:
    print(f"0x{int(reciprocal):04X}")
for c, _ in ln_c:
    print_integer(c - 126 * high)
for _, c in ln_c:
    print_integer(c - 126 * low)
print_integer(Decimal(2**28))
print_integer(2**26 * (Decimal(1) / 3 + Decimal(1) / 5 / 64**2))
print_integer(Decimal(2**21))
places = [x * Decimal("0.0323") for x in zeros(4)]
for coefficient, bits in zip(polynomial(rest_of_ln, places), [31, 28, 25, 22]):
    print_integer(coefficient * 2**bits)
