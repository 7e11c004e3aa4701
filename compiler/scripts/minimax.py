"""Near-minimax polynomials for compiler/src/prog/math.

Run:  python3 compiler/scripts/minimax.py [NAME | two_over_pi]     (needs mpmath)
Prints, for each function and precision, the coefficients (lowest degree first) and the largest weighted error of the
polynomial with its coefficients rounded, as a power of two.

Method: near-minimax fits of  w(t) (P(t) - f(t))  in 90-digit arithmetic.  The coefficients are rounded from the
lowest degree upwards, and after each rounding the remaining ones are fitted again.
"""
import sys
from mpmath import mp, mpf

mp.dps = 90


def rounded(value, bits):
    """The nearest binary float with `bits` bits of significand (exponent range of f64)."""
    if value == 0:
        return mpf(0)
    exponent = int(mp.floor(mp.log(abs(value), 2))) - bits + 1
    return mp.nint(value / mpf(2) ** exponent) * mpf(2) ** exponent


def polynomial(coefficients, t):
    return mp.polyval(list(reversed(coefficients)), t)


def least_squares(f, w, lo, hi, degree):
    """Weighted least squares on a Chebyshev grid: within a fraction of a bit of the minimax polynomial, and indifferent to
    weights that vanish inside the interval (where an exchange algorithm loses its footing)."""
    grid = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (i + mpf("0.5")) / (8 * degree + 16)) for i in range(8 * degree + 16)]
    columns = [[w(t) * t ** j for t in grid] for j in range(degree + 1)]
    target = [w(t) * f(t) for t in grid]
    normal = mp.matrix(degree + 1, degree + 1)
    right = mp.matrix(degree + 1, 1)
    for i in range(degree + 1):
        for j in range(degree + 1):
            normal[i, j] = mp.fdot(columns[i], columns[j])
        right[i] = mp.fdot(columns[i], target)
    return list(mp.lu_solve(normal, right))


def fit(f, w, lo, hi, degree, bits):
    fixed = []
    for k in range(degree + 1):
        def rest(t):
            return (f(t) - polynomial(fixed, t)) / t ** k if fixed else f(t)
        fixed.append(rounded(least_squares(rest, lambda t: w(t) * abs(t) ** k, lo, hi, degree - k)[0], bits))
    grid = [lo + (hi - lo) * i / 1999 for i in range(2000)]
    worst = max(abs(w(t) * (polynomial(fixed, t) - f(t))) for t in grid)
    return fixed, mp.log(worst, 2)


# The smallest argument: 0 itself is a removable singularity of most of the functions below.
TINY = mpf(10) ** -12
LN2 = mp.log(2)
S2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.001")  # the largest s^2 with sqrt(1/2) <= m <= sqrt(2)


def atanh_series(z, first):
    """The sum over i >= first of z^(i - first) / (2 i + 1): atanh(s)/s in z = s^2 without its first terms."""
    return sum(z ** i / (2 * i + 2 * first + 1) for i in range(60))


def log_erfc(x):
    return -mp.log(mp.erfc(x))


def specs(bits):
    f32 = bits == 24
    top = mpf("4") if f32 else mpf("6")
    yield ("exp", "exp(r) = 1 + r + r^2 q(r), |r| <= ln2/2; relative error of expm1",
           lambda r: (mp.expm1(r) - r) / r ** 2, lambda r: abs(r ** 2 / mp.expm1(r)),
           -LN2 / 2 * mpf("1.0001") + TINY / 3, LN2 / 2 * mpf("1.0001"), 5 if f32 else 10)
    yield ("log", "log((1+s)/(1-s)) = 2 s + s z p(z), z = s^2, |s| <= 0.1716; relative error",
           lambda z: 2 * atanh_series(z, 1), lambda z: z / 2, TINY, S2, 2 if f32 else 6)
    yield ("pow", "atanh(s)/s = 1 + z/3 + z^2 p(z), z = s^2; relative error",
           lambda z: atanh_series(z, 2), lambda z: z ** 2, TINY, S2, 2 if f32 else 7)
    yield ("tanh", "tanh(x) = x + x z p(z), z = x^2, |x| <= 0.5625; relative error",
           lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: z, TINY, mpf("0.5625") ** 2, 4 if f32 else 10)
    yield ("atan", "atan(t) = t + t z p(z), z = t^2, |t| <= 1/2; relative error",
           lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: z, TINY, mpf("0.25") * mpf("1.0001"), 5 if f32 else 11)
    yield ("erf", "erf(x) = x + x p(z), z = x^2, |x| <= 1; relative error",
           lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, lambda z: mpf(1), TINY, mpf(1), 6 if f32 else 11)
    # Centred at the end where the rounding errors of p matter most: they are scaled by 1 - erf.
    yield ("erf_tail", "-log(1 - erf(x)) = p(x - 1), 1 <= x <= %s; error of erf" % top,
           lambda t: log_erfc(t + 1), lambda t: mp.erfc(t + 1), mpf(0), top - 1, 6 if f32 else 18)
    # The f32 sine works in f64 arithmetic, so its coefficients have 53 bits in both precisions.
    quarter = (mp.pi / 4) ** 2 * mpf("1.0001")
    yield ("sin", "sin(r) = r + r z p(z), z = r^2, |r| <= pi/4; relative error",
           lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: z, TINY, quarter, 2 if f32 else 5)
    yield ("cos", "cos(r) = 1 - z/2 + z^2 p(z); error",
           lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z ** 2, lambda z: z ** 2, TINY, quarter, 2 if f32 else 5)


def print_two_over_pi():
    """The digits of 2/pi in base 2^53 for compiler/src/prog/math/reduce.rs."""
    with mp.workprec(1500):
        rest, digits = 2 / mp.pi, [0]
        while len(digits) < 24:
            rest *= 2 ** 53
            digits.append(int(mp.floor(rest)))
            rest -= digits[-1]
    for digit in digits:
        print("    %d.0," % digit)


def main():
    wanted = sys.argv[1:]
    if wanted == ["two_over_pi"]:
        return print_two_over_pi()
    for bits in (24, 53):
        for name, what, f, w, lo, hi, degree in specs(bits):
            if wanted and name not in wanted:
                continue
            coefficient_bits = 53 if name in ("sin", "cos") else bits
            coefficients, worst = fit(f, w, lo, hi, degree, coefficient_bits)
            print("%s f%d: degree %d, 2^%s   // %s" % (name, 32 if bits == 24 else 64, degree, mp.nstr(worst, 4), what))
            for value in coefficients:
                print("    %r," % float(value))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
