# The numbers of integer_divergence.rs. First ln 2 in units of 2^-31. Then ((1 + s)*ln(1 + s) +
# (1 - s)*ln(1 - s) - s^2)/s^4 in z = s^2 <= 1/16, in units of 2^-32, which the polynomial meets where
# that of Chebyshev of one degree more is 0.
from decimal import Decimal

from integer import ln2, polynomial, print_integer, zeros


def rest(z):
    # The next term is less than 1e-40.
    return sum(z**k / ((k + 2) * (2 * k + 3)) for k in range(32))


print_integer(ln2 * 2**31)
places = [(x + 1) / 32 for x in zeros(4)]
for coefficient in polynomial(rest, places):
    print_integer(coefficient * 2**32)
