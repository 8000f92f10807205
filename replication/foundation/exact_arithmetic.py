"""Sigmoid, sine and cosine from additions, multiplications and divisions alone, so that every machine rounds alike.

Rprop follows the signs of derivatives, and a controller is played for millions of cycles: the last digit of a library's
`exp` or `sin`, which differs from one library to the next, would make another network. Numba contracts nothing into
fused operations unless it is asked to, so what IEEE 754 says of + - * / fixes every bit here. A compiler can also take
several numbers at once through these series, which it cannot through calls of a library.
"""

from __future__ import annotations

import math

from numba import njit

SATURATION = 40.0
"""A sigmoid of more than this is 1 to the last digit; an argument beyond it, on either side, counts as this much."""
_S3, _S5, _S7, _S9, _S11, _S13, _S15, _S17, _S19, _S21, _S23, _S25, _S27 = (
    (-1.0) ** n / math.factorial(2 * n + 1) for n in range(1, 14)
)
_C2, _C4, _C6, _C8, _C10, _C12, _C14, _C16, _C18, _C20, _C22, _C24, _C26 = (
    (-1.0) ** n / math.factorial(2 * n) for n in range(1, 14)
)
_E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11 = (1.0 / math.factorial(n) for n in range(2, 12))


@njit(cache=True, error_model="numpy")
def sigmoid(x: float) -> float:
    """Compute 1 / (1 + e^-x), relative error below 1e-10 (1e-14 for |x| < 10): e^-x is the 64th power of a series."""
    r = min(max(x, -SATURATION), SATURATION) * (-1.0 / 64.0)
    tail = _E6 + r * (_E7 + r * (_E8 + r * (_E9 + r * (_E10 + r * _E11))))
    e = 1.0 + r * (1.0 + r * (_E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * tail)))))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return 1.0 / (1.0 + e)


@njit(cache=True, error_model="numpy")
def sine(x: float) -> float:
    """Compute the sine of an angle in rad, for |x| < 4, absolute error below 1e-12."""
    s = x * x
    tail = _S15 + s * (_S17 + s * (_S19 + s * (_S21 + s * (_S23 + s * (_S25 + s * _S27)))))
    return x * (1.0 + s * (_S3 + s * (_S5 + s * (_S7 + s * (_S9 + s * (_S11 + s * (_S13 + s * tail)))))))


@njit(cache=True, error_model="numpy")
def cosine(x: float) -> float:
    """Compute the cosine of an angle in rad, for |x| < 4, absolute error below 1e-11."""
    s = x * x
    tail = _C14 + s * (_C16 + s * (_C18 + s * (_C20 + s * (_C22 + s * (_C24 + s * _C26)))))
    return 1.0 + s * (_C2 + s * (_C4 + s * (_C6 + s * (_C8 + s * (_C10 + s * (_C12 + s * tail))))))
