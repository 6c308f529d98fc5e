# The numbers of integer_ln.rs. First ln 2 as two whole numbers, in units of 2^-16 and 2^-35. Then for
# each 32nd of 1 <= m < 2 the reciprocal of a number c in its middle, of 12 bits, but 1 and 1/2 at the
# ends; and all ln c - 126 ln 2 as two numbers like ln 2. Then polynomials: -(ln(1 - q) + q)/q^2 as
# 1/2 + q*(C2 + q/4), where C2 takes the next odd term at |q| = 1/64; and (ln(1 + d) - d)/d^2 for
# |d| <= 0.0323, which it meets where the polynomial of Chebyshev of one degree more is 0. Each
# coefficient has the unit that the formula multiplies.
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
