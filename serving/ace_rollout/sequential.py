"""A test that may be looked at after every sample, and still raises a false alarm no more often than it promises."""

from typing import Final

_NEGLIGIBLE: Final = 1e-16


def evidence_against(worse: int, better: int) -> float:
    """How many times likelier these outcomes are where the canary is the worse one than where both are equal.

    Of pairs that differ, `worse` are to the canary's disadvantage and `better` to the stable version's. Where the
    canary is no worse, each is a coin's toss at best, and the chance that this number ever reaches 1 / α, however often
    one looks, is at most α (Ville's inequality).

    The likelihood of p, the share of `worse`, is averaged evenly over [1/2, 1] and divided by that of 1/2; of n = worse
    + better pairs with k = worse, that integral is Σ_{j≤k} C(n + 1, j) / ((n + 1) C(n, k)). (Robbins 1970,
    "Statistical methods related to the law of the iterated logarithm": a mixture martingale; of pairs, as McNemar's.)
    """
    term = 1 / (better + 1)  # of j = worse; each further one from the one before it
    total = 0.0
    for j in range(worse, -1, -1):
        total += term
        if term < _NEGLIGIBLE * total:
            break
        term *= j / (worse + better + 2 - j)
    return total
