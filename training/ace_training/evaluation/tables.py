"""The figures of one set of images side by side: by frame and by video, each with its interval."""

from dataclasses import dataclass

from ace_client.contract import DEFAULT_THRESHOLD

from .figures import confusion, figures
from .intervals import Interval, intervals
from .scored import Scored


@dataclass(frozen=True, kw_only=True)
class Level:
    """The figures of frames, or of videos; None where there is none, as of an AUC without fakes."""

    real: int  # rows
    fake: int
    figures: dict[str, float | None]
    intervals: dict[str, Interval | None]  # 95 %, by a bootstrap over people, or videos
    confusion_at_half: list[list[int]]  # rows: real and fake in truth; columns: called so
    confusion_at_threshold: list[list[int]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Both levels."""

    frames: Level
    videos: Level


def table(frames: Scored, threshold: float) -> Table:
    """What the answers to the frames are worth, and their means by video."""
    return Table(frames=_level(frames, threshold), videos=_level(frames.by_video(), threshold))


def _level(scored: Scored, threshold: float) -> Level:
    return Level(
        real=int((~scored.fake).sum()),
        fake=int(scored.fake.sum()),
        figures=figures(scored, threshold),
        intervals=intervals(scored, threshold),
        confusion_at_half=confusion(scored, DEFAULT_THRESHOLD),
        confusion_at_threshold=confusion(scored, threshold),
    )


def reservations(test: Table) -> list[str]:
    """What a reader of the table has to know before believing it."""
    frames, videos = test.frames, test.videos
    found = []
    if not frames.real or not frames.fake:
        missing = "fake" if frames.real else "real"
        found.append(f"The test set has no {missing} images: AUC and all that compares both classes is left out.")
    if (frames.real, frames.fake) == (videos.real, videos.fake):
        found.append("Each test image is a video of its own, so that frames and videos have the same figures.")
    if 1 in (videos.real, videos.fake):
        found.append("A class of the test set has a single video: how sure its figures are cannot be said.")
    for name, count, wrong in (
        ("real", videos.real, videos.confusion_at_threshold[0][1]),
        ("fake", videos.fake, videos.confusion_at_threshold[1][0]),
    ):
        if count and not wrong:
            found.append(
                f"None of {count} {name} test videos is called wrongly at the threshold, and the bootstrap cannot see "
                f"errors that did not occur: with 95 % confidence up to {_upper(count):.2g} % of such videos may be."
            )
    if 0 < frames.real < 1000:
        found.append(
            f"With {frames.real} real frames no false-positive rate between 0 and 1/{frames.real} is seen: TPR at "
            f"{'1 % and ' if frames.real < 100 else ''}0.1 % FPR is the one without any false positive."
        )
    return found


def _upper(count: int) -> float:
    """Percent: the error rate at which none in so many has a probability of 5 % (the rule of three, exactly)."""
    return float(100 * (1 - 0.05 ** (1 / count)))
