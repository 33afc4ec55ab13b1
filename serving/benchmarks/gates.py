"""How often ace_rollout's error gate is wrong about an equal canary, and how soon it sees a worse one: simulated.

python serving/benchmarks/gates.py      # seconds
"""

from collections.abc import Sequence

import numpy as np

from ace_rollout.policy import Errors
from ace_rollout.sequential import evidence_against

_ROLLOUTS = 2000
_CASES = (
    (0.02, 0.02, 600),
    (0.02, 0.02, 2400),
    (0.0, 0.05, 600),
    (0.0, 0.02, 600),
    (0.0, 0.02, 1200),
    (0.01, 0.05, 600),
)


def main() -> None:
    """Prints a table: a case a row."""
    rng = np.random.default_rng(3)
    print("| errors of stable | of the canary | pairs | canary failed | after, median |\n|---|---|---|---|---|")
    for stable, canary, pairs in _CASES:
        ends = [_first_alarm(rng.random((pairs, 2)) < (stable, canary)) for _ in range(_ROLLOUTS)]
        alarms = [end for end in ends if end]
        after = f"{np.median(alarms):.0f} pairs" if alarms else "-"
        print(f"| {stable:.0%} | {canary:.0%} | {pairs} | {len(alarms) / _ROLLOUTS:.1%} | {after} |")


def _first_alarm(fails: Sequence[Sequence[bool]]) -> int | None:
    """After how many pairs the gate fails, looked at after each; None where it does not."""
    worse = better = 0
    for number, (at_stable, at_canary) in enumerate(fails, start=1):
        if at_stable != at_canary:
            worse, better = worse + bool(at_canary), better + bool(at_stable)
            if number >= Errors.min_pairs and evidence_against(worse, better) >= 1 / Errors.false_alarm:
                return number
    return None


if __name__ == "__main__":
    main()
