"""What a finding shows: pictures, plots and tables; how they are made safe to show, saved and read back."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ganlens.errors import UserError
from ganlens.files import read_bytes
from ganlens.limits import ARRAY_BYTES, PICTURE_PIXELS
from ganlens.printable import plot_text, printable, shortened


@dataclass(frozen=True)
class Picture:
    """A bitmap with a caption that says what to look for. A `crisp` one is never smoothed when enlarged."""

    image: Any  # PIL.Image.Image; Any keeps this module importable without Pillow
    caption: str
    crisp: bool = True


@dataclass(frozen=True)
class Plot:
    """An interactive Plotly figure, as the JSON-able dictionary of `figure.to_dict()`, with a caption."""

    figure: Mapping[str, Any]
    caption: str


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers under column names, with a caption. A cell without a value is None (or NaN)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    caption: str


Figure = Picture | Plot | Table


def shown_figure(figure: Figure) -> Figure:
    if isinstance(figure, Plot):
        return Plot(tamed(figure.figure, plot_text), printable_line(figure.caption))
    if isinstance(figure, Table):
        return Table(
            tuple(tamed(figure.columns)),
            tuple(map(tuple, tamed(figure.rows))),
            printable_line(figure.caption),
        )
    return replace(figure, caption=printable_line(figure.caption))


def printable_line(text: str) -> str:
    """Printable, on one line."""
    return printable(re.sub(r"[\n\r\t]+", " ", text))


def tamed(value: Any, text: Callable[[str], str] = printable_line) -> Any:
    """JSON-able values with every text, names included, as `text` makes it, and None for NaN and infinities."""
    if isinstance(value, str):
        return text(str(value))
    if isinstance(value, Mapping):
        return {text(str(name)): tamed(held, text) for name, held in value.items()}
    if hasattr(value, "tolist"):  # arrays and numbers of numpy and torch
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [tamed(held, text) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    from ganlens import storage

    if isinstance(figure, Picture):
        figure.image.save(folder / f"{name}.png", optimize=True)
    elif isinstance(figure, Plot):
        storage.write_json(folder / f"{name}.json", figure.figure)


def figure_entry(figure: Figure, name: str) -> dict[str, Any]:
    if isinstance(figure, Picture):
        return {"kind": "picture", "file": f"{name}.png", "caption": figure.caption, "crisp": figure.crisp}
    if isinstance(figure, Plot):
        return {"kind": "plot", "file": f"{name}.json", "caption": figure.caption}
    return {"kind": "table", "columns": figure.columns, "rows": figure.rows, "caption": figure.caption}


class _SavedPicture(BaseModel):
    kind: Literal["picture"]
    file: str = Field(pattern=r"^figure-[0-9]+\.png$")  # a plain name: nothing outside the folder is read
    caption: str
    crisp: bool


class _SavedPlot(BaseModel):
    kind: Literal["plot"]
    file: str = Field(pattern=r"^figure-[0-9]+\.json$")
    caption: str


class _SavedTable(BaseModel):
    kind: Literal["table"]
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    caption: str


SavedFigure = Annotated[_SavedPicture | _SavedPlot | _SavedTable, Field(discriminator="kind")]


def load_figure(entry: SavedFigure, folder: Path) -> Figure:
    from ganlens import storage

    if isinstance(entry, _SavedPicture):
        return Picture(_load_picture(folder / entry.file), entry.caption, entry.crisp)
    if isinstance(entry, _SavedPlot):
        figure = storage.read_json(folder / entry.file)
        if not isinstance(figure, dict):
            raise UserError(f"{printable(str(folder / entry.file))} is not a plot; run the probe again")
        return Plot(figure, entry.caption)
    return Table(entry.columns, entry.rows, entry.caption)


def _load_picture(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    shown = printable(str(path))
    try:
        content = io.BytesIO(read_bytes(path, ARRAY_BYTES))
        with Image.open(content, formats=["PNG"]) as image:
            PICTURE_PIXELS.check(image.width * image.height, shown)
            image.load()
            return image
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{shown} is no PNG picture; run the probe again") from error
    except Exception as error:  # Pillow reports a damaged file by errors of many kinds
        reason = shortened(" ".join(str(error).split()), 200)
        raise UserError(f"{shown} is not a whole picture ({reason}); run the probe again") from error
