# Prints the numbers of fixed_exp.rs:
# - log2(e) as a whole number in units of 2^-30, and the exact value less that number. Then the second
#   word of log2(e) as a double-word number.
# - C1 and C2: the best quadratic polynomial for 2^((w - 1/2)/64) on 0 <= w <= 1. The best one for
#   e^(h*x) on |x| <= 1 has (1 + h^2/8)*h and (1/2 + h^2/24)*h^2, where the series has h and h^2/2. Here
#   it is written in w = (x + 1)/2 and divided by its constant p.
# - The table p * 2^(j/64). Each entry is larger by half of the most that is cut off w, which is the
#   middle of that error.
import struct
from decimal import Decimal, getcontext

getcontext().prec = 60


def print_integer(number):
    bits = abs(int(number.to_integral_value()))
    print(f"0x{bits >> 16:04X}_{bits & 0xFFFF:04X}")


ln2 = Decimal(2).ln()
log2_e = 2**30 / ln2
print_integer(log2_e)
print_integer((log2_e - log2_e.to_integral_value()) * 2**31)
(word,) = struct.unpack("f", struct.pack("f", 1 / ln2))
print(f"{1 / ln2 - Decimal(word):.6e}")

h = ln2 / 128
# e^(h*x) is about 1 + b*x + c*x^2 with x = 2*w - 1.
b, c = h + h**3 / 8, h**2 / 2 + h**4 / 24
p = 1 - b + c
print_integer((2 * b - 4 * c) / p * 2**38)
print_integer(4 * c / p * 2**38)
for j in range(64):
    print_integer(p * 2**31 * (ln2 * j / 64 + ln2 / 2**27).exp())
