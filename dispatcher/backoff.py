"""How long to wait before the next try."""

import random


def back_off(tries: int, first: float, longest: float) -> float:
    """Seconds after the given number of failed tries: doubling, capped, then between half and all of it by chance."""
    return min(first * 2.0 ** min(max(tries - 1, 0), 30), longest) * random.uniform(0.5, 1)
