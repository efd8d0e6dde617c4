"""Augmentation: pictures changed at random in ways that leave their class alone.

The random numbers are drawn first and apart from the pictures. So a run can be repeated, and NumPy and TensorFlow
(`numpycnn.training.tf_augmentation`) can be given the same: `draw` makes eight numbers a picture, `apply` obeys them.
"""

from dataclasses import dataclass, fields

import numpy as np

from numpycnn.ops.arguments import IMAGES, check_rank, check_shape, fail, ieee
from numpycnn.ops.scalars import real

__all__ = ["Augmentation", "augmentation_from"]

FILLS = ("constant", "nearest", "reflect")
NUMBERS = ("xx", "xy", "x", "yx", "yy", "y", "contrast", "brightness")
"""Output pixel (x, y) looks at xx * x + xy * y + x of the input's columns, and yx * x + yy * y + y of its rows."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far pictures may be changed. Each change is drawn uniformly from its range, for each picture anew.

    In this order, the first four in a single resampling: a crop, a shift, a rotation, a flip; then contrast and
    brightness, and values are cut to the range of pixels.

    Args:
        flip: whether half of the pictures are mirrored left to right.
        rotation: the largest angle in degrees, either way, around the middle.
        shift: the farthest shift, as a fraction of the height and of the width, each way and along each axis.
        crop: the largest part of each side that is cut away before the rest is enlarged to the old size, anywhere.
        contrast: the distances from each channel's mean are multiplied by 1 - contrast .. 1 + contrast.
        brightness: -brightness .. brightness of the range of pixels is added.
        fill: what lies outside: "constant" is 0, "nearest" the border's pixels, "reflect" the picture mirrored.

    Raises: ValueError or TypeError for what is out of range.
    Source: Keras's RandomFlip, RandomRotation, RandomTranslation, RandomContrast and RandomBrightness, which are not
        reproduced draw by draw; the resampling is TensorFlow's ImageProjectiveTransformV3, bilinear.

    >>> Augmentation(flip=True, rotation=10).draw(np.random.default_rng(0), 3, (28, 28, 1)).shape
    (3, 8)
    """

    flip: bool = False
    rotation: float = 0.0
    shift: float = 0.0
    crop: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    fill: str = "constant"

    def __post_init__(self):
        if not isinstance(self.flip, bool):
            raise TypeError(f"Augmentation: flip must be True or False; got flip {self.flip!r}.")
        for name, most in (("rotation", 180), ("shift", 1), ("contrast", 1), ("brightness", 1)):
            real("Augmentation", name, getattr(self, name), rule=f"a number from 0 to {most}", low=0, high=most)
        real("Augmentation", "crop", self.crop, rule="a number from 0 to below 1", low=0, high=1, open_high=True)
        if self.fill not in FILLS:
            fail("Augmentation", f"fill must be one of {', '.join(FILLS)}", fill=self.fill)

    def draw(self, rng: np.random.Generator, count: int, shape) -> np.ndarray:
        """The numbers of NUMBERS for `count` pictures of (height, width, channels): float32 (count, 8).

        As many numbers are taken from rng whatever the settings, so that turning one on does not change the others.
        """
        height, width = shape[:2]
        angle, flip, scale, x, y, shift_x, shift_y, contrast, brightness = rng.uniform(-1, 1, (count, 9)).T
        angle = np.deg2rad(self.rotation) * angle
        scale = 1 - self.crop * (scale + 1) / 2
        mirror = np.where(flip < 0, -1.0, 1.0) if self.flip else np.ones(count)
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.stack([mirror * cosine, -sine, mirror * sine, cosine], axis=1).reshape(count, 2, 2)
        middle = np.array([width - 1, height - 1]) / 2
        # What is left of a crop lies anywhere within the picture; its middle moves by half of what was cut away.
        room = (1 - scale)[:, None] / 2 * np.stack([x, y], axis=1) + self.shift * np.stack([shift_x, shift_y], axis=1)
        offset = middle - linear @ middle + room * np.array([width, height])
        geometry = np.concatenate([linear, offset[:, :, None]], axis=2).reshape(count, 6)
        light = np.stack([1 + self.contrast * contrast, self.brightness * brightness], axis=1)
        return np.concatenate([geometry, light], axis=1).astype(np.float32)

    @ieee
    def apply(self, images, numbers) -> np.ndarray:
        """The changed pictures.

        Args:
            images: (n, height, width, channels), uint8 for 0 .. 255 or a float for 0 .. 1; numbers: of `draw`, (n, 8).

        Returns: float32 of the same shape in the same range.   Raises: ValueError where the shapes do not go together.
        """
        images, numbers = np.asarray(images), np.asarray(numbers, np.float32)
        check_rank("Augmentation.apply", IMAGES, images=images)
        check_shape("Augmentation.apply", (len(images), len(NUMBERS)), "8 numbers a picture", numbers=numbers)
        most = np.float32(255 if images.dtype == np.uint8 else 1)
        x = images.astype(np.float32)
        if self.moves:
            x = _resampled(x, numbers, self.fill)
        if self.contrast or self.brightness:
            mean = x.mean(axis=(1, 2), keepdims=True)
            contrast, brightness = (numbers[:, i, None, None, None] for i in (6, 7))
            x = (x - mean) * contrast + mean + brightness * most
        return np.clip(x, 0, most)

    @property
    def moves(self) -> bool:
        """Whether pixels move, or only get lighter and darker."""
        return bool(self.flip or self.rotation or self.shift or self.crop)


def augmentation_from(text: str) -> Augmentation:
    """ "flip,rotation=10,shift=0.1" as an Augmentation.

    Raises: ValueError for an unknown word, or a number that is missing or out of range.

    >>> augmentation_from("flip,rotation=10").rotation
    10.0
    """
    given: dict[str, bool | float | str] = {}
    known = [field.name for field in fields(Augmentation)]
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, equals, value = word.partition("=")
        if name not in known:
            fail("augment", f"must name some of {', '.join(known)}", word=word)
        if name in given:
            fail("augment", f"{name} must be said once", text=text)
        given[name] = value if name == "fill" else _value(name, equals, value)
    return Augmentation(**given)  # type: ignore[arg-type]


def _value(name: str, equals: str, value: str) -> bool | float:
    if name == "flip":
        return not equals or fail("augment", "flip stands alone", flip=value)
    try:
        return float(value)
    except ValueError:
        fail("augment", f"{name} must have a number, as {name}=0.1", **{name: value})


def _resampled(x: np.ndarray, numbers: np.ndarray, fill: str) -> np.ndarray:
    """Each picture through its own map of places, bilinearly, in float32 as TensorFlow does."""
    height, width = x.shape[1:3]
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    xx, xy, x0, yx, yy, y0 = numbers[:, :6].T[..., None, None]
    across = _inside(xx * columns + xy * rows + x0, width, fill)  # (n, height, width)
    down = _inside(yx * columns + yy * rows + y0, height, fill)
    left, top = np.floor(across), np.floor(down)
    right_part, lower_part = (across - left)[..., None], (down - top)[..., None]
    # Borders of 0 all around stand for whatever lies outside, at any distance.
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    n = np.arange(len(x))[:, None, None]
    i = [np.clip(top + step, -1, height).astype(np.intp) + 1 for step in (0, 1)]
    j = [np.clip(left + step, -1, width).astype(np.intp) + 1 for step in (0, 1)]
    upper = (1 - right_part) * framed[n, i[0], j[0]] + right_part * framed[n, i[0], j[1]]
    lower = (1 - right_part) * framed[n, i[1], j[0]] + right_part * framed[n, i[1], j[1]]
    return (1 - lower_part) * upper + lower_part * lower


def _inside(place: np.ndarray, size: int, fill: str) -> np.ndarray:
    """Where to look instead of a place outside 0 .. size - 1, which "constant" leaves outside."""
    if fill == "constant":
        return place
    if fill == "reflect":  # abcd is followed by dcba, then abcd again
        place = np.mod(place, np.float32(2 * size))
        place = np.where(place > size - 0.5, np.float32(2 * size - 1) - place, place)
    return np.clip(place, 0, np.float32(size - 1))
