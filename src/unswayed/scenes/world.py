"""Scenes of coloured shapes on a 3 by 3 grid, and their rendering as images.

A scene is defined by its objects; the seed changes only their position, size and tint within the rendering.
A hash of the objects assigns a scene to a split, so no layout is ever in two splits.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross")
COLOURS = {
    "red": (214, 39, 40),
    "green": (44, 160, 44),
    "blue": (31, 90, 220),
    "yellow": (245, 210, 30),
    "purple": (135, 60, 170),
    "orange": (255, 127, 14),
}
GRID = 3
CELLS = tuple(f"{column}{row}" for row in range(1, GRID + 1) for column in "abc")
"""Cell names in reading order: a1 b1 c1 a2 …"""
PIXELS = 168
NOISE = 60.0
"""Standard deviation of the noise at haze 1, in grey levels (0 to 255)."""
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, order=True)
class SceneObject:
    """One coloured shape in one cell (index into `CELLS`)."""

    cell: int
    shape: str
    colour: str

    @property
    def row(self) -> int:
        return self.cell // GRID

    @property
    def column(self) -> int:
        return self.cell % GRID


@dataclass(frozen=True)
class Scene:
    """Objects in reading order, at most one per cell."""

    things: tuple[SceneObject, ...]
    seed: int = 0
    haze: float = 0.0
    """Share of the contrast that is lost, from 0 to 1; the noise is proportional to it."""

    def at(self, cell: int) -> SceneObject | None:
        """The object in a cell; None if it is empty."""
        return next((t for t in self.things if t.cell == cell), None)

    def only(self, shape: str) -> SceneObject | None:
        """The only object of that shape; None if there are none or several."""
        matches = [t for t in self.things if t.shape == shape]
        return matches[0] if len(matches) == 1 else None

    @property
    def name(self) -> str:
        """Name made of its objects, e.g. ``a1-red-circle_c2-blue-star``."""
        return "_".join(f"{CELLS[t.cell]}-{t.colour}-{t.shape}" for t in self.things) or "empty"

    @property
    def split(self) -> str:
        """`train` (18 of 20 hash values), `dev` or `test` (1 of 20 each), by a hash of the objects."""
        slot = hashlib.sha256(self.name.encode()).digest()[0] % 20
        return {0: "dev", 1: "test"}.get(slot, "train")


def random_scene(rng: random.Random, things: int, haze: float = 0.0) -> Scene:
    """A scene of `things` objects, of any split."""
    cells = sorted(rng.sample(range(GRID * GRID), things))
    colours = tuple(COLOURS)
    objects = tuple(SceneObject(c, rng.choice(SHAPES), rng.choice(colours)) for c in cells)
    return Scene(objects, rng.randrange(2**31), haze)


def render(scene: Scene, pixels: int = PIXELS) -> Image.Image:
    """The scene as an RGB image of `pixels` by `pixels`.

    The seed determines position and size within the cell, tint and background.
    """
    rng = random.Random(scene.seed)
    paper = rng.randint(225, 250)
    picture = Image.new("RGB", (pixels, pixels), (paper, paper, paper))
    brush = ImageDraw.Draw(picture)
    cell = pixels / GRID
    for thing in scene.things:
        radius = cell * rng.uniform(0.28, 0.42)
        room = cell / 2 - radius
        x = (thing.column + 0.5) * cell + rng.uniform(-room, room)
        y = (thing.row + 0.5) * cell + rng.uniform(-room, room)
        r, g, b = (max(0, min(255, c + rng.randint(-15, 15))) for c in COLOURS[thing.colour])
        _SHAPE_PAINTERS[thing.shape](brush, x, y, radius, (r, g, b))
    return _add_haze(picture, paper, scene) if scene.haze else picture


def _add_haze(picture: Image.Image, paper: int, scene: Scene) -> Image.Image:
    # Grains of three by three pixels keep the PNG file small.
    grains = np.random.default_rng(scene.seed).normal(0, NOISE * scene.haze, (picture.height // 3 + 1,) * 2)
    noise = grains.repeat(3, 0).repeat(3, 1)[: picture.height, : picture.width, None].round()
    clear = np.asarray(picture, dtype=np.float64)
    hazy = paper + (clear - paper) * (1 - scene.haze) + noise
    return Image.fromarray(np.clip(hazy, 0, 255).astype(np.uint8))


def png(scene: Scene) -> bytes:
    """The scene as an encoded PNG file."""
    out = io.BytesIO()
    render(scene).save(out, "PNG")
    return out.getvalue()


Fill = tuple[int, int, int]


def _points(*xy: tuple[float, float]) -> Callable[[ImageDraw.ImageDraw, float, float, float, Fill], None]:
    def paint(brush: ImageDraw.ImageDraw, x: float, y: float, r: float, fill: Fill) -> None:
        brush.polygon([(x + r * dx, y + r * dy) for dx, dy in xy], fill=fill)

    return paint


def _circle(brush: ImageDraw.ImageDraw, x: float, y: float, r: float, fill: Fill) -> None:
    brush.ellipse((x - r, y - r, x + r, y + r), fill=fill)


_T = 0.32  # half the width of a cross's arm
_SHAPE_PAINTERS: dict[str, Callable[[ImageDraw.ImageDraw, float, float, float, Fill], None]] = {
    "circle": _circle,
    "square": _points((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    "triangle": _points((0, -1), (0.95, 0.8), (-0.95, 0.8)),
    "diamond": _points((0, -1), (0.62, 0), (0, 1), (-0.62, 0)),
    # five points: outer and inner corners in turn
    "star": _points(
        (0, -1), (0.22, -0.31), (0.95, -0.31), (0.36, 0.12), (0.59, 0.81),
        (0, 0.38), (-0.59, 0.81), (-0.36, 0.12), (-0.95, -0.31), (-0.22, -0.31),
    ),
    "cross": _points(
        (-_T, -1), (_T, -1), (_T, -_T), (1, -_T), (1, _T), (_T, _T),
        (_T, 1), (-_T, 1), (-_T, _T), (-1, _T), (-1, -_T), (-_T, -_T),
    ),
}  # fmt: skip
