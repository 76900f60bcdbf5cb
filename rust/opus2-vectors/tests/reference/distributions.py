"""Distribution functions that neither Python nor numpy has: Student's t through the incomplete beta function."""

import math
from statistics import NormalDist

NORMAL = NormalDist()


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def _beta_fraction(a, b, x):
    """The continued fraction of the incomplete beta function, modified Lentz."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    fraction = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + numerator / c
            c = c if abs(c) > tiny else tiny
            fraction *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return fraction


def incomplete_beta(a, b, x):
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _beta_fraction(a, b, x) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(b, a, 1.0 - x) / b


def student_cdf(x, nu):
    tail = 0.5 * incomplete_beta(nu / 2.0, 0.5, nu / (nu + x * x))
    return tail if x < 0.0 else 1.0 - tail


def student_density(x, nu):
    log_norm = math.lgamma((nu + 1.0) / 2.0) - math.lgamma(nu / 2.0) - 0.5 * math.log(nu * math.pi)
    return math.exp(log_norm - (nu + 1.0) / 2.0 * math.log1p(x * x / nu))


def student_quantile(p, nu):
    """By bisection: slow and sure."""
    if p < 0.5:
        return -student_quantile(1.0 - p, nu)
    low, high = 0.0, 1.0
    while student_cdf(high, nu) < p:
        high *= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if student_cdf(middle, nu) < p else (low, middle)
    return 0.5 * (low + high)
