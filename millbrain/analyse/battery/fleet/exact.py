"""Exact tails of the binomial and hypergeometric distributions, and false-discovery control.

Small functions over arrays, so that the room needs no statistics library. The incomplete beta
function is Lentz's continued fraction (Press et al., Numerical Recipes, 6.4); it takes real
numbers, hence also counts that were divided by an over-dispersion.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_STEPS_MAX: Final = 2_000  # some sqrt(max(a, b)) steps are needed: enough for counts of a million
_TINY: Final = 1e-300
_CLOSE: Final = 1e-14
_HALVINGS: Final = 44


def log_gamma(values: ArrayLike) -> Floats:
    """Return the logarithm of the gamma function of positive numbers, same shape."""
    wanted = np.asarray(values, np.float64)
    # In a fleet the same counts come again and again.
    known, place = np.unique(wanted, return_inverse=True)
    logs = np.array([math.lgamma(v) for v in known.tolist()], np.float64)
    return logs[place].reshape(wanted.shape)


def beta_share(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> Floats:
    """Return the regularised incomplete beta function I_x(a, b); a, b > 0, 0 <= x <= 1."""
    a, b, x = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (a, b, x)))
    turned = x > (a + 1) / (a + b + 2)  # the fraction converges fast on one side only
    p, q = np.where(turned, b, a), np.where(turned, a, b)
    y = np.where(turned, 1 - x, x)
    with np.errstate(divide="ignore"):
        front = log_gamma(p + q) - log_gamma(p) - log_gamma(q) + p * np.log(y) + q * np.log1p(-y)
    share = np.where(y > 0, np.exp(front) * _fraction(p, q, y) / p, 0.0)
    return np.clip(np.where(turned, 1 - share, share), 0.0, 1.0)


def _fraction(a: Floats, b: Floats, x: Floats) -> Floats:
    c = np.ones_like(x)
    d = 1 / _away(1 - (a + b) * x / (a + 1))
    h = d.copy()
    for m in range(1, _STEPS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _away(1 + even * d)
        c = _away(1 + even / c)
        h = h * d * c
        d = 1 / _away(1 + odd * d)
        c = _away(1 + odd / c)
        step = d * c
        h = h * step
        if np.all(np.abs(step - 1) < _CLOSE):
            break
    return h


def _away(values: Floats) -> Floats:
    """Keep denominators from 0."""
    return np.where(np.abs(values) < _TINY, _TINY, values)


def binomial_upper(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Floats:
    """Return P(X >= k) of X ~ binomial(n, p); k and n may be real, 1 where k <= 0, 0 where k > n.

    P(X >= k) = I_p(k, n - k + 1).
    """
    k, n, p = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (k, n, p)))
    inside = (k > 0) & (k <= n)
    share = beta_share(np.where(inside, k, 1), np.where(inside, n - k + 1, 1), np.clip(p, 0, 1))
    return np.where(inside, share, np.where(k <= 0, 1.0, 0.0))


def binomial_limit(tail: float, n: ArrayLike, p: ArrayLike, scale: ArrayLike = 1.0) -> Floats:
    """Return the count c with P(X >= c) = `tail`, between whole numbers (Spiegelhalter 2005).

    scale: over-dispersion: a count of n / scale has the same rate and the wanted variance.
    """
    n, p, scale = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (n, p, scale)))
    low, high = np.zeros(n.shape), n + 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_beyond = binomial_upper(middle / scale, n / scale, p) <= tail
        low, high = np.where(is_beyond, low, middle), np.where(is_beyond, middle, high)
    return high


def fisher_upper(k: ArrayLike, n: int, others_k: ArrayLike, others_n: int) -> Floats:
    """Return the one-sided p of Fisher's exact test: k of n against others_k of others_n."""
    k, b = np.broadcast_arrays(np.asarray(k, np.int64), np.asarray(others_k, np.int64))
    held = k + b
    total = n + others_n
    logs = log_gamma(np.arange(1, total + 2))  # logs[i] = log i!

    def choose(m: Any, j: Any) -> Floats:
        return np.asarray(logs[m] - logs[j] - logs[m - j])

    tail = np.zeros(k.shape)
    for x in range(n + 1):
        possible = (x >= k) & (x <= held) & (held - x <= others_n)
        y = np.where(possible, held - x, 0)
        term = choose(n, x) + choose(others_n, y) - choose(total, held)
        tail += np.where(possible, np.exp(term), 0.0)
    return np.minimum(tail, 1.0)


def false_discovery(p: ArrayLike) -> Floats:
    """Return the share of false ones if each p and all smaller are called (Benjamini 1995)."""
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    result = np.empty(len(values))
    result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return result
