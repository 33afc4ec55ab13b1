"""Pages that need nothing else: styles and pictures are in them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


@dataclass(frozen=True, slots=True)
class Section:
    """A picture as SVG where there is one, a note, and a table under its first row."""

    title: str
    svg: str | None = None
    note: str = ""
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A title, what stands below it, what is to be seen first (a word and a sentence each), and sections."""

    title: str
    subtitle: str
    banners: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()

    def as_html(self, template: str = "page.html", **more: Any) -> str:
        """The page, and below it what the template makes of `more`."""
        return render(template, page=self, **more)


def render(template: str, **values: Any) -> str:
    """What one of the package's templates makes of the values; in HTML no value is markup."""
    environment = Environment(
        loader=PackageLoader(__package__ or "ace_loadtest"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["ms"] = milliseconds
    environment.filters["picture"] = _picture
    return environment.get_template(template).render(**values)


def milliseconds(value: float | None) -> str:
    """Three digits of it."""
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _picture(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
