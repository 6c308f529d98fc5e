# Prints the integers of integer.rs:
# - log2(e) in two words.
# - A1, A2 and A3, then the table of T, of 2^(1 - (j + 1/2)/16 - w/16) = T*(1 + w*(w*(A2 - w*A3) - A1))
#   for |w| <= 1/2. They come from the series of e^(-a*w) with a = ln2/16. A2 and A3 have so few bits
#   that an instruction of ARM can hold them. A1 makes up for the bits that A3 lacks, exactly so at
#   |w| = 1/2, and T for the middle of the errors. Each T is larger by 64, half an ULP of the result.
# - The coefficients of a polynomial for (e^x - 1 - x)/x^2 with |x| <= 0.4, and of one for
#   (atanh(s)/s - 1)/s^2 with s^2 <= 1/9. Each is equal to its function at the zeros of the Chebyshev
#   polynomial of one degree more, except for one zero: the polynomial is multiplied by a factor that
#   is 0 there.
from decimal import Decimal, getcontext
from math import cos, pi

getcontext().prec = 60
ln2 = Decimal(2).ln()
a = ln2 / 16


def print_integer(number):
    bits = abs(int(number.to_integral_value()))
    print(f"0x{bits >> 16:04X}_{bits & 0xFFFF:04X}")


def polynomial(function, places):
    """The coefficients of the polynomial through a function's values."""
    rows = [[x**k for k in range(len(places))] + [function(x)] for x in places]
    for i, row in enumerate(rows):
        row[:] = [value / row[i] for value in row]
        for other in rows:
            if other is not row:
                other[:] = [a - other[i] * b for a, b in zip(other, row)]
    return [row[-1] for row in rows]


def zeros(degree):
    return [Decimal(cos((2 * k + 1) * pi / (2 * degree))) for k in range(degree)]


def atanh_rest(z):
    s = z.sqrt()
    return (((1 + s) / (1 - s)).ln() / (2 * s) - 1) / z


def main():
    log2_e = 2**30 / ln2
    print_integer(log2_e)
    print_integer((log2_e - log2_e.to_integral_value()) * 2**32)

    a2 = (a**2 / 2 * 2**17).to_integral_value() / 2**17
    a3 = (a**3 / 6 * 2**24).to_integral_value() / 2**24
    a1 = a + (a**3 / 6 - a3) / 4
    places = [Decimal(i) / 1000 for i in range(-500, 501)]
    errors = [(1 + w * (w * (a2 - w * a3) - a1)) * (a * w).exp() for w in places]
    one = 2 / (min(errors) + max(errors))
    for coefficient in [a1, a2, a3]:
        print_integer(coefficient * 2**35)
    for j in range(16):
        print_integer(one * 2**30 * (ln2 * (31 - 2 * j) / 32).exp() + 64)

    for coefficient in polynomial(lambda x: (x.exp() - 1 - x) / x**2, [x * 2 / 5 for x in zeros(7) if abs(x) > 0.1]):
        print_integer(coefficient * 2**31)

    last = zeros(5)[-1]
    for coefficient in polynomial(atanh_rest, [(x - last) / (1 - last) / 9 for x in zeros(5)[:-1]]):
        print_integer(coefficient * 2**32)


if __name__ == "__main__":
    main()
