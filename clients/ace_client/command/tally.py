"""How many images there were, and of which kind."""

from dataclasses import dataclass

from ace_client.contract import FAKE

from .rows import Row


@dataclass(slots=True)
class Tally:
    """Counts of the images that have a row; `asked` leaves out those that an earlier run asked."""

    images: int = 0
    asked: int = 0
    fakes: int = 0
    unread: int = 0

    def add(self, row: Row) -> None:
        """Counts a row."""
        self.images += 1
        self.fakes += row.label == FAKE
        self.unread += row.error is not None
