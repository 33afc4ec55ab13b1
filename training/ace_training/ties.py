"""Which things belong together, directly or by way of others."""

from collections.abc import Collection, Hashable, Iterable


def groups(links: Iterable[Collection[Hashable]]) -> list[int]:
    """For each link, a number that it shares with the links that hold any of its things, or any of theirs, and so on.

    Counted from 0 in the order of the groups' first links. No link is empty.
    """
    tied: dict[Hashable, Hashable] = {}

    def chief(thing: Hashable) -> Hashable:
        while tied.setdefault(thing, thing) != thing:
            tied[thing] = thing = tied[tied[thing]]
        return thing

    firsts = []
    for first, *others in links:
        firsts.append(first)
        for other in others:
            tied[chief(other)] = chief(first)
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(chief(first), len(numbers)) for first in firsts]
