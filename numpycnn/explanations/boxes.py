"""Boxes: the overlap of two, and who suppresses whom."""

import numpy as np

from numpycnn.detection import convert_boxes, non_max_suppression
from numpycnn.detection import iou as compute_iou
from numpycnn.detection.overlap import iou_backward
from numpycnn.explanations.explanation import Boxes, Explanation, Section, number_text
from numpycnn.ops.arguments import check_shape, floating

__all__ = ["iou", "non_max_suppression_steps"]


def iou(boxes, *, dy=None, format="xyxy", plus_one=False) -> Explanation:
    """Intersection over union of two boxes: `detection.iou`.

    Args: boxes: (2, 4) in `format`; dy: the gradient by the IoU, None for 1.   Raises: as `detection.iou`.

    >>> iou([[0, 0, 2, 2], [1, 1, 3, 3]]).section("What stands").column("value")[-2:]
    [7.0, 0.14285714285714285]
    """
    (boxes,) = floating("iou", boxes=boxes)
    check_shape("iou", (2, 4), "two boxes", boxes=boxes)
    options = {"format": format, "plus_one": plus_one}
    value = float(compute_iou(boxes[:1], boxes[1:], **options)[0, 0])
    slope = np.array([[1.0 if dy is None else float(np.ravel(dy)[0])]])
    gradients = iou_backward(slope, boxes[:1], boxes[1:], **options)
    corners = np.sort(convert_boxes(boxes, format, "xyxy").reshape(2, 2, 2), axis=1)
    low, high, more = corners[:, 0], corners[:, 1], int(plus_one)
    width, height = (max(float(side), 0.0) for side in high.min(axis=0) - low.max(axis=0) + more)
    areas = [float(np.prod(side)) for side in high - low + more]
    union = sum(areas) - width * height
    ends = [[number_text(float(end)) for end in pair] for pair in (high.min(axis=0), low.max(axis=0))]
    plus = " + 1" if plus_one else ""
    rows = (
        ("width", f"smaller right end {ends[0][0]} - larger left end {ends[1][0]}{plus}, at least 0", width),
        ("height", f"smaller lower end {ends[0][1]} - larger upper end {ends[1][1]}{plus}, at least 0", height),
        ("intersection", "width * height", width * height),
        ("area of box 0", "its own width * height", areas[0]),
        ("area of box 1", "its own width * height", areas[1]),
        ("union", "both areas - intersection", union),
        ("IoU", "intersection / union", value),
    )
    names = {"xyxy": ("x1", "y1", "x2", "y2"), "yxyx": ("y1", "x1", "y2", "x2"), "xywh": ("x", "y", "width", "height")}
    named = names.get(format.removeprefix("rel_"), ("centre x", "centre y", "width", "height"))
    back = tuple((name, *(float(gradient[0, k]) for gradient in gradients)) for k, name in enumerate(named))
    return Explanation(
        op="iou",
        formula="IoU = I / (A0 + A1 - I)",
        value=value,
        sections=(
            Section(title="What stands behind the IoU", headings=("", "is", "value"), rows=rows),
            Section(
                title="The gradient",
                lines=(
                    f"dy = {number_text(float(slope[0, 0]))}: dI = dy * (A0 + A1) / U^2, dA = -dy * I / U^2; the "
                    "corner that bounds the intersection gets both, the other only the second",
                    *(() if width * height else ("the boxes do not overlap: neither is told where to go",)),
                ),
                headings=("", "box 0 receives", "box 1 receives"),
                rows=back,
            ),
        ),
        panels=(
            (Boxes(f"IoU {number_text(value)}", corners.reshape(2, 4), ("box 0", "box 1"), ("chosen", "window")),),
        ),
    )


def non_max_suppression_steps(boxes, scores, *, iou_threshold=0.5, score_threshold=-np.inf, format="xyxy"):
    """`detection.non_max_suppression` step by step.

    Args and Raises: as `detection.non_max_suppression`.
    """
    options = {"iou_threshold": iou_threshold, "score_threshold": score_threshold, "format": format}
    found = non_max_suppression(boxes, scores, explain=True, **options)
    sections = []
    for step, kept in enumerate(found.indices):
        gone = np.flatnonzero(found.suppressed_by == kept)
        sections.append(
            Section(
                title=f"Step {step + 1}: box {kept}, score {number_text(float(found.scores[kept]))}, is the best left",
                headings=("drops", "score", "IoU with it"),
                rows=tuple((f"box {i}", float(found.scores[i]), float(found.overlap[i])) for i in gone),
                results=() if len(gone) else (f"no box that is left overlaps it by more than {iou_threshold}",),
            )
        )
    low = np.flatnonzero(found.low)
    if len(low):
        sections.append(Section(title="Dropped for their scores", results=tuple(f"box {i}" for i in low)))
    corners = convert_boxes(floating("non_max_suppression", boxes=boxes)[0], format, "xyxy")
    roles = ["chosen" if i in found.indices else "other" for i in range(len(corners))]
    labels = [f"{i}: {number_text(float(score))}" for i, score in enumerate(found.scores)]
    return Explanation(
        op="non_max_suppression",
        formula=f"keep the box with the best score, drop all that overlap it by IoU > {iou_threshold}, and again",
        value=float(len(found.indices)),
        sections=(
            *sections,
            Section(
                title=f"Kept: {', '.join(map(str, found.indices))}",
                lines=("no gradient passes: which box is kept is a choice, and kept boxes are what they were",),
            ),
        ),
        panels=((Boxes("kept, and what they drop", corners, labels, roles),),),
    )
