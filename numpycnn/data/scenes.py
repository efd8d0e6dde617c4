"""Scenes put together from cutouts, with the box and the class of everything in them: still, and in motion."""

from typing import NamedTuple

import numpy as np

from numpycnn.detection.overlap import intersection_over_smaller
from numpycnn.ops.arguments import fail, integer, pair
from numpycnn.ops.resize import resize

__all__ = ["Scenes", "moving_scene", "scenes"]

INK = 0.15
"""What is lighter than this belongs to a thing."""


class Scenes(NamedTuple):
    """float32 images (n, height, width, 1), and for each a dict of boxes (k, 4), xyxy in pixels, and classes (k,).

    Those of a moving scene have ids (k,) too; where masks were asked for, masks (k, height, width), true where a thing
    is seen.
    """

    images: np.ndarray
    objects: list[dict[str, np.ndarray]]


def scenes(
    cutouts,
    labels,
    count: int,
    *,
    size=(48, 48),
    things=(1, 3),
    sides=(12, 20),
    most_overlap=0.1,
    noise=0.05,
    masks=False,
    seed=0,
) -> Scenes:
    """Dark pictures with things scattered over them.

    Args:
        cutouts: (n, height, width), 0 .. 1, as of `sample_digits`; labels: (n,) their class numbers.
        count: how many scenes; size: of each, (height, width) in pixels.
        things: how many in each, from .. to; sides: of the cutouts in the scene, from .. to, in pixels.
        most_overlap: the intersection of two boxes over the smaller of them; what would lie closer is tried again
            elsewhere, and left out when 20 places were in vain.
        noise: the standard deviation of what is added to every pixel.
        masks: whether to tell of each pixel whose ink is seen there.

    Returns: Scenes; boxes are as tight as the ink.

    >>> made = scenes(np.ones((1, 8, 8)), [7], 5, size=(40, 50))
    >>> made.images.shape, sorted(made.objects[0])
    ((5, 40, 50, 1), ['boxes', 'classes'])
    """
    cutouts, labels = _checked("scenes", cutouts, labels)
    height, width = pair("scenes", "size", size)
    if sides[1] > min(height, width):
        fail("scenes", f"sides must fit a picture of {height} x {width}", sides=sides)
    rng = np.random.default_rng(seed)
    images, objects = np.zeros((integer("scenes", "count", count, least=0), height, width), np.float32), []
    for image in images:
        boxes, classes = np.empty((0, 4)), []
        owner = np.full(image.shape, -1)
        for _ in range(rng.integers(things[0], things[1] + 1)):
            chosen = rng.integers(len(cutouts))
            thing, ink = _scaled(cutouts[chosen], rng.integers(sides[0], sides[1] + 1))
            for _ in range(20):
                corner = rng.integers(0, (height - len(thing) + 1, width - len(thing) + 1))
                box = ink + np.tile(corner[::-1], 2)
                if intersection_over_smaller([box], boxes).max(initial=0) <= most_overlap:
                    boxes, classes = np.concatenate([boxes, [box]]), [*classes, labels[chosen]]
                    owner[_put(image, thing, corner)] = len(boxes) - 1
                    break
        objects.append({"boxes": boxes, "classes": np.asarray(classes, int)})
        if masks:
            objects[-1]["masks"] = owner == np.arange(len(boxes))[:, None, None]
    images += rng.normal(0, noise, images.shape).astype(np.float32)
    return Scenes(np.clip(images, 0, 1)[..., None], objects)


def moving_scene(cutouts, labels, frames: int, *, size=(64, 96), things=4, side=16, speed=(1.0, 3.0), seed=0) -> Scenes:
    """Things that cross a picture in straight lines, pass over each other, and turn back at its borders.

    Args: frames: how many pictures; things, side: how many, and how many pixels high and wide; speed: pixels a frame,
        from .. to. The others as in `scenes`.

    Returns: Scenes; ids tell which thing is which, through all frames.

    >>> made = moving_scene(np.ones((1, 8, 8)), [7], 5)
    >>> made.images.shape, made.objects[4]["ids"]
    ((5, 64, 96, 1), array([0, 1, 2, 3]))
    """
    cutouts, labels = _checked("moving_scene", cutouts, labels)
    height, width = pair("moving_scene", "size", size)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(cutouts), things)
    scaled = [_scaled(cutouts[i], side) for i in chosen]
    if side > min(height, width):
        fail("moving_scene", f"side must fit a picture of {height} x {width}", side=side)
    room = np.array([height - side, width - side], float)
    start, angle = rng.uniform(0, room, (things, 2)), rng.uniform(0, 2 * np.pi, things)
    step = rng.uniform(speed[0], speed[1], things)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    images, objects = np.zeros((frames, height, width, 1), np.float32), []
    for t, image in enumerate(images):
        place = np.mod(start + t * step, 2 * room, out=np.zeros_like(start), where=room > 0)
        corners = np.rint(np.minimum(place, 2 * room - place)).astype(int)
        for (thing, _), corner in zip(scaled, corners, strict=True):
            _put(image[..., 0], thing, corner)
        boxes = np.array([ink + np.tile(corner[::-1], 2) for (_, ink), corner in zip(scaled, corners, strict=True)])
        objects.append({"boxes": boxes.reshape(-1, 4), "classes": labels[chosen], "ids": np.arange(things)})
    return Scenes(images, objects)


def _scaled(cutout, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A cutout of side x side pixels, and the box of its ink."""
    thing = resize(cutout[None, :, :, None], int(side))[0, :, :, 0]
    rows, columns = (np.flatnonzero((thing > INK).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return thing, np.array([0, 0, side, side])
    return thing, np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def _put(image, thing, corner) -> tuple[np.ndarray, ...]:
    """Put a thing into an image: where both have ink, the lighter is seen.   Returns: the pixels where that is its."""
    y, x = corner
    part = image[y : y + len(thing), x : x + thing.shape[1]]
    rows, columns = np.nonzero((thing > INK) & (thing > part))
    np.maximum(part, thing, out=part)
    return rows + y, columns + x


def _checked(op, cutouts, labels) -> tuple[np.ndarray, np.ndarray]:
    cutouts, labels = np.asarray(cutouts, np.float32), np.asarray(labels)
    if cutouts.ndim != 3 or not cutouts.size or labels.shape != cutouts.shape[:1]:
        fail(op, "cutouts must have the axes (n, height, width), and labels (n,)", cutouts=cutouts, labels=labels)
    return cutouts, labels
