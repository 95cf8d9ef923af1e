"""Factors of control charts, from the distribution of the sample range and of the sample deviation.

They are computed from their definitions for normal values instead of being typed from a table, so
that any subgroup size has them; the tests hold them against the printed tables.
"""

from functools import cache
from typing import Final

import numpy as np
from scipy.special import gammaln, ndtr

_RANGE_MAX: Final = 16.0  # sigmas; the density of a wider range is below 1e-14 up to n = 25
_NODES: Final = 160
_STEP: Final = 0.05  # of the whole-line trapezoid rule, whose error falls exponentially


def c4(n: int) -> float:
    """Return the expected sample standard deviation of n values, in sigmas.

    References
    ----------
    Montgomery, Introduction to Statistical Quality Control, app. VI: c4.
    """
    return float(np.sqrt(2.0 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)))


def c5(n: int) -> float:
    """Return the standard deviation of the sample standard deviation of n values, in sigmas."""
    return float(np.sqrt(1.0 - c4(n) ** 2))


@cache
def _range_moments(n: int) -> tuple[float, float]:
    """Return mean and standard deviation of the range of n standard normal values.

    The density of the range w is n (n - 1) times the integral over x of
    f(x) f(x + w) (F(x + w) - F(x))^(n - 2).
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    w = 0.5 * _RANGE_MAX * (nodes + 1.0)
    weights = 0.5 * _RANGE_MAX * weights
    x = np.arange(-_RANGE_MAX - 8.0, 8.0 + _STEP, _STEP)[:, None]
    inner = np.exp(-0.5 * (x * x + (x + w) ** 2)) / (2.0 * np.pi)
    inner *= (ndtr(x + w) - ndtr(x)) ** (n - 2)
    density = n * (n - 1) * inner.sum(axis=0) * _STEP
    mean = float((weights * density * w).sum())
    return mean, float(np.sqrt((weights * density * w * w).sum() - mean * mean))


def d2(n: int) -> float:
    """Return the expected range of n values, in sigmas. n: from 2."""
    return _range_moments(n)[0]


def d3(n: int) -> float:
    """Return the standard deviation of the range of n values, in sigmas. n: from 2."""
    return _range_moments(n)[1]
