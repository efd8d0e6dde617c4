"""Boxes: how much they overlap, and which of them are kept.

Boxes are whole numbers, so that overlaps are exact fractions and an overlap equal to a threshold is equal in every
dtype; measures of overlap are drawn from other numbers as well.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from numpycnn.detection import BOX_FORMATS, convert_boxes, iou, soft_non_max_suppression, valid_boxes
from numpycnn.detection.boxes import Corners, corners_of
from numpycnn.detection.overlap_terms import CIOU, DIOU, GIOU, measure_backward, shares_of
from numpycnn.testing.cases import Case, Op
from numpycnn.testing.running_error import Rounded
from numpycnn.testing.strategies import distinct
from numpycnn.verification.tolerances import ELEMENTWISE

PENALTIES = {"iou": None, "giou": GIOU, "diou": DIOU, "ciou": CIOU}
FORMATS = [name for name in BOX_FORMATS if not name.startswith("rel_")]
KINDS = ("whole", "flipped", "thin")
SIDE = 8
"""Corners lie in 0 .. SIDE, so that fractions of areas differ by more than float16 rounds."""

PARTS = 64
"""Others are multiples of 1/64, which float16 holds in every format."""

THRESHOLDS = (1 / 3, 0.5, 1 / 3, 0.25, 0.75, 0.0)
APART = 1 / 64
"""Decayed scores closer than this, relative, are not drawn: in which order they come would be a matter of rounding."""


@st.composite
def corners(draw, count: int, kinds=KINDS, rng=None):
    """float64 (count, 4), xyxy: "whole" numbers, some boxes "flipped", some "thin" ones without area.

    "shifted": of one width, so that overlaps of 1/2 and 1/3 are frequent.   "any": no whole numbers.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed")) if rng is None else rng
    kind = draw(st.sampled_from(kinds), label="kind")
    first = rng.integers(0, SIDE // 2, (count, 2)).astype(float)
    sides = np.ceil(rng.random((count, 2)) * (SIDE - first))
    if kind == "any":
        first, sides = (rng.integers(1, SIDE * PARTS, (count, 2)) / PARTS for _ in range(2))
    if kind == "shifted":
        first[:, 1], sides = 0, np.stack([np.full(count, SIDE / 2), rng.choice([SIDE / 2, SIDE / 4], count)], axis=1)
    if kind == "thin":
        sides *= rng.random((count, 2)) < 0.7
    boxes = np.concatenate([first, first + sides], axis=1)
    if kind == "flipped":
        for axis in (0, 1):
            turned = rng.random((count, 1)) < 0.4
            boxes[:, axis::2] = np.where(turned, boxes[:, axis::2][:, ::-1], boxes[:, axis::2])
    return boxes


@st.composite
def pair_cases(draw):
    """Two lists of boxes, or with pairwise=False two arrays of one shape."""
    pairs = draw(st.sampled_from([True, True, False]), label="pairwise")
    many = draw(distinct((0, 4), (1, 5)))
    shape = draw(st.sampled_from([(), many[:1], many[::-1]]), label="shape")
    format = draw(st.sampled_from(FORMATS), label="format")
    arrays = {}
    for name, count in zip(("boxes1", "boxes2"), many[:: draw(st.sampled_from([1, -1]))], strict=True):
        drawn = draw(corners(count if pairs else int(np.prod(shape)), (*KINDS, "any")))
        arrays[name] = convert_boxes(drawn if pairs else drawn.reshape(*shape, 4), "xyxy", format)
    return Case(arrays, {"format": format, "pairwise": pairs})


@st.composite
def scored(draw, most=6):
    """Boxes, scores with ties or without, and a generator for what else there is."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    count = draw(st.integers(0, most), label="count")
    ties = draw(st.booleans(), label="ties")
    scores = (rng.integers(1, 4, count) if ties else rng.permutation(2 * most)[:count] + 1) / 16
    return draw(corners(count, (*KINDS, *["shifted"] * len(KINDS)), rng)), scores, rng


@st.composite
def suppression_cases(draw):
    boxes, scores, rng = draw(scored())
    format = draw(st.sampled_from(FORMATS), label="format")
    classes = rng.integers(0, 2, len(scores)) if draw(st.sampled_from([False, False, True]), label="classes") else None
    options = {
        "max_output_size": draw(st.sampled_from([None, 3, 2]), label="max_output_size"),
        "iou_threshold": draw(st.sampled_from(THRESHOLDS), label="iou_threshold"),
        "score_threshold": draw(st.sampled_from([-np.inf, 0.125]), label="score_threshold"),
        "format": format,
    }
    return Case({"boxes": convert_boxes(boxes, "xyxy", format), "scores": scores, "classes": classes}, options)


@st.composite
def soft_cases(draw):
    boxes, scores, _ = draw(scored())
    format = draw(st.sampled_from(FORMATS), label="format")
    options = {
        "max_output_size": draw(st.sampled_from([None, 3, 2]), label="max_output_size"),
        "soft_nms_sigma": draw(st.sampled_from([0.5, 0.125, 2.0]), label="soft_nms_sigma"),
        "iou_threshold": draw(st.sampled_from([0.5, 0.25, 0.75]), label="iou_threshold"),
        "score_threshold": draw(st.sampled_from([-np.inf, 0.03]), label="score_threshold"),
        "method": draw(st.sampled_from(["gaussian", "linear"]), label="method"),
        "format": format,
    }
    return Case({"boxes": convert_boxes(boxes, "xyxy", format), "scores": scores}, options)


def clearly_ordered(case: Case) -> bool:
    """Whether no two scores come close to each other, or to the threshold, while they decay."""
    boxes, scores, least = case.arrays["boxes"], case.arrays["scores"], case.options["score_threshold"]
    overlaps = iou(boxes, boxes, format=case.options["format"])
    while len(scores):
        known = np.sort(np.append(scores, [least] if np.isfinite(least) else []))
        if (np.diff(known) < APART * known[1:]).any():
            return False
        best = np.argmax(scores)
        scores = np.delete(scores * decays(overlaps[best], case), best)
        overlaps = np.delete(np.delete(overlaps, best, 0), best, 1)
    return True


def decays(overlaps, case: Case):
    if case.options["method"] == "gaussian":
        return np.exp(-(overlaps**2) / (2 * case.options["soft_nms_sigma"]))
    return np.where(overlaps > case.options["iou_threshold"], 1 - overlaps, 1)


@st.composite
def combined_cases(draw):
    """Scores without ties, for which TensorFlow has no rule; boxes reach out of 0 .. 1."""
    batch, count, classes = draw(distinct((0, 3), (1, 5), (1, 4)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    each = draw(st.sampled_from([1, classes]), label="boxes of a class")
    boxes = draw(corners(batch * count * each, rng=rng)).reshape(batch, count, each, 4) / (SIDE / 2) - 0.5
    scores = (rng.permutation(batch * count * classes) + 1.0).reshape(batch, count, classes) / 64
    options = {
        "max_output_size_per_class": draw(st.integers(1, 3), label="max_output_size_per_class"),
        "max_total_size": draw(st.integers(1, 6), label="max_total_size"),
        "iou_threshold": draw(st.sampled_from(THRESHOLDS), label="iou_threshold"),
        "score_threshold": draw(st.sampled_from([-np.inf, 0.125]), label="score_threshold"),
        "pad_per_class": draw(st.booleans(), label="pad_per_class"),
        "clip_boxes": draw(st.booleans(), label="clip_boxes"),
    }
    return Case({"boxes": boxes, "scores": scores}, options)


# S, from the formulas themselves: every corner may be off by as much as the largest coordinate rounds.


def rounded_pair(case: Case) -> tuple[Corners, Corners]:
    boxes1, boxes2 = case.arrays["boxes1"], case.arrays["boxes2"]
    if case.options.get("pairwise", True):
        boxes1, boxes2 = boxes1[:, None], boxes2[None]
    largest = max(np.abs(boxes).max(initial=0) for boxes in (boxes1, boxes2))
    sides = (corners_of("scale", boxes, case.options.get("format", "xyxy")) for boxes in (boxes1, boxes2))
    a, b = (Corners(*(Rounded(v, largest) for v in side[:4]), side.flipped) for side in sides)  # type: ignore[arg-type]
    return a, b


def overlap_scale(name: str):
    def scale(case: Case):
        a, b = rounded_pair(case)
        shares, penalty = shares_of(a, b), PENALTIES[name]
        y: Any = shares.iou if penalty is None else shares.iou - penalty.value(a, b, shares)
        return y.error

    return scale


def overlap_gradient_scale(name: str):
    """The errors of all four numbers of a box together."""

    def scale(dy, case: Case):
        a, b = rounded_pair(case)
        gradients: Any = measure_backward(dy, a, b, shares_of(a, b), PENALTIES[name])
        pairs = case.options.get("pairwise", True)
        summed = [g.error.sum(axis=(0, 2 - k) if pairs else 0) for k, g in enumerate(gradients)]
        return tuple(np.repeat(one[..., None], 4, axis=-1) for one in summed)

    return scale


def soft_scales(case: Case):
    """The indices to the number; scores by the exponents of what has lowered them."""
    _, scores = soft_non_max_suppression(*case.arrays.values(), **case.options)
    return 0, scores * (2 + len(scores) / case.options["soft_nms_sigma"])


def plain(case: Case) -> bool:
    """Whether all boxes have their corners in order and an area."""
    boxes = (array for name, array in case.arrays.items() if name.startswith("boxes"))
    return all(valid_boxes(array, format=case.options.get("format", "xyxy")).all() for array in boxes)


OPS = [
    *(
        Op(
            name, pair_cases(), scale=overlap_scale(name), gradient_scale=overlap_gradient_scale(name),
            smooth=False, plain=plain,
        )
        for name in PENALTIES
    ),
    Op("non_max_suppression", suppression_cases(), scale=lambda case: 0, gradients=False, plain=plain),
    Op(
        "soft_non_max_suppression", soft_cases().filter(clearly_ordered), scale=soft_scales,
        constant=ELEMENTWISE, gradients=False, plain=plain,
    ),
    Op(
        "combined_non_max_suppression", combined_cases(), scale=lambda case: (0, 0, 0, 0),
        gradients=False, plain=plain,
    ),
]  # fmt: skip
