"""A seed on the command line."""

import argparse


def seed(text: str) -> int:
    """The number, where it is one that NumPy and Keras take.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text} is no seed: pass a whole number from 0 up, below 2³²")
    return int(text)
