# Prints the integers of integer_divergence.rs:
# - ln 2 in units of 2^-31.
# - The coefficients, in units of 2^-32, of a polynomial in z = s^2 <= 1/16 for the function
#   ((1 + s)*ln(1 + s) + (1 - s)*ln(1 - s) - s^2)/s^4. Both are equal at the zeros of the Chebyshev
#   polynomial of one degree more.
from decimal import Decimal

from integer import ln2, polynomial, print_integer, zeros


def rest(z):
    # The first term that is left out is less than 1e-40.
    return sum(z**k / ((k + 2) * (2 * k + 3)) for k in range(32))


print_integer(ln2 * 2**31)
places = [(x + 1) / 32 for x in zeros(4)]
for coefficient in polynomial(rest, places):
    print_integer(coefficient * 2**32)
