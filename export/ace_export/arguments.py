"""What words on a command line mean, each with a message that says what to pass."""

from argparse import ArgumentTypeError
from collections.abc import Callable

from ace_client import contract


def whole(what: str) -> Callable[[str], int]:
    """Reads a whole number from 1 on, which is called `what` where it is none."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            raise ArgumentTypeError(f"{text} is no {what}: pass a whole number from 1 on")
        return int(text)

    return read


def positive(what: str) -> Callable[[str], float]:
    """Reads a finite number above 0, which is called `what` where it is none."""

    def read(text: str) -> float:
        value = _number(text)
        if not 0 < value < float("inf"):
            raise ArgumentTypeError(f"{text} is no {what}: pass a number above 0")
        return value

    return read


def probability(text: str) -> float:
    """A number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text} is no probability: pass a number from 0 to 1")
    return value


def classes(text: str) -> tuple[str, ...]:
    """The order of a model's outputs."""
    order = tuple(text.split(","))
    if sorted(order) != sorted((contract.REAL, contract.FAKE)):
        raise ArgumentTypeError(f"{text} is no order of classes: pass real,fake or fake,real")
    return order


def size(text: str) -> tuple[int, int]:
    """Height and width; a person says the width first."""
    numbers = text.split("x")
    if len(numbers) > 2 or not all(number.isdecimal() and int(number) for number in numbers):
        raise ArgumentTypeError(f"{text} is no size: pass 299, or width and height as 320x240")
    return int(numbers[-1]), int(numbers[0])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
