"""Which corners, which pixel, which of two equals: the conventions of boxes, of their overlap and their suppression."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from numpycnn.verification.calls import Call
from numpycnn.verification.rules.box_conventions import PENALTIES, Conventions, measured, suppressed
from numpycnn.verification.rules.rule import Rule, default_option, rule

__all__ = ["RULES"]

MEASURES = tuple(PENALTIES)
SUPPRESSION = "non_max_suppression"
SOFT, COMBINED = "soft_non_max_suppression", "combined_non_max_suppression"
CORNERS = ("xyxy", "yxyx")
CONVENTIONS = "conventions"


def convention(**changes) -> Callable[[Call], Call | None]:
    """Computed under another convention, beside those that were changed before; forward only."""

    def changed(call: Call) -> Call | None:
        if call.backward:
            return None
        how = replace(call.hints.get(CONVENTIONS, Conventions()), **changes)
        function = partial(suppressed, how) if call.op == SUPPRESSION else partial(measured, how, call.op)
        return replace(call, function=function, hints={**call.hints, CONVENTIONS: how})

    return changed


def one_pixel_more(call: Call) -> Call | None:
    return convention(plus_one=True)(call) if not call.backward else call.with_options(plus_one=True)


def read_as(format: str) -> Callable[[Call], Call | None]:
    def changed(call: Call) -> Call | None:
        return None if call.options.get("format", "xyxy") == format else call.with_options(format=format)

    return changed


def exchanged(*names: str, order: tuple[int, ...]) -> Callable[[Call], Call | None]:
    """The four numbers of some of the boxes in another order, which is its own reverse."""

    def changed(call: Call) -> Call | None:
        if call.options.get("format", "xyxy") not in CORNERS:
            return None
        found: Call | None = call
        for name in names if names[0] in call.arrays else ("boxes",):
            found = found and found.with_array(name, lambda a: a[..., order], lambda d: d[..., order])
        return found

    return changed


def transposed(call: Call) -> Call | None:
    if call.backward or not call.options.get("pairwise", True):
        return None
    return call.finished(lambda found: {**found, "y": found["y"].T})


def as_a_loss(call: Call) -> Call:
    return call.with_output(lambda y: 1 - y, lambda dy: -dy)


def half_the_sigma(call: Call) -> Call | None:
    sigma = call.options.get("soft_nms_sigma", 0.5)
    return call.with_options(soft_nms_sigma=sigma / 2) if call.options.get("method", "gaussian") == "gaussian" else None


def other_method(call: Call) -> Call:
    now = call.options.get("method", "gaussian")
    return call.with_options(method="linear" if now == "gaussian" else "gaussian")


def unclipped(call: Call) -> Call:
    return call.with_options(clip_boxes=not call.options.get("clip_boxes", True))


def by_order(name: str, rows, says: str, order: str) -> Rule:
    return rule(name, rows, SUPPRESSION, says, "ask the best score first, of equal ones the lower index",
                convention(order=order))  # fmt: skip


READERS = {"xywh": "as COCO's files have them", "center_xywh": "as YOLO has them", "xyxy": "two corners"}
EVERY = (*MEASURES, SUPPRESSION)

RULES = [
    *(
        rule(
            f"boxes as {name}", 41, (*EVERY, SOFT), f"reads boxes as {name}, {who}",
            "convert the boxes, or give it the format that is meant here", read_as(name),
        )
        for name, who in READERS.items()
    ),
    rule(
        "corners x1 x2 y1 y2", 41, (*EVERY, SOFT), "reads corners as x1, x2, y1, y2",
        "take them in the order of the format", exchanged("boxes1", "boxes2", order=(0, 2, 1, 3)),
    ),
    rule(
        "x and y of boxes2", 41, MEASURES, "takes x for y in boxes2 alone: one side is yxyx, the other xyxy",
        "bring both to one format", exchanged("boxes2", order=(1, 0, 3, 2)),
    ),
    rule(
        "corners as given", 41, EVERY, "takes the first corner for the upper left one, so that flipped boxes fail",
        "put corners in order: minimum and maximum of x1, x2 and of y1, y2", convention(as_given=True),
    ),
    rule("NaN without area", 42, EVERY, "divides 0 by 0 for boxes without area", "count the quotient as 0",
         convention(nan=True)),
    rule("one pixel more", 45, ("iou", SUPPRESSION), "makes sides a pixel longer, x2 - x1 + 1",
         "leave the + 1 out: coordinates are those of edges", one_pixel_more),
    rule("sides below 0", (), EVERY, "does not cut the sides of the intersection at 0, and finds boxes that are apart",
         "take max(side, 0) of width and height", convention(uncut=True)),
    rule("sum for union", (), EVERY, "divides by the sum of both areas", "subtract the intersection once",
         convention(whole="sum")),
    rule("smaller for union", (), EVERY, "divides by the area of the smaller box", "divide by the area of the union",
         convention(whole="smaller")),
    rule("first for union", (), EVERY, "divides by the area of the first box alone", "divide by the area of the union",
         convention(whole="first")),
    rule("distance not squared", (), ("diou", "ciou"), "takes off the distance of the centres, not its square",
         "square distance and diagonal", convention(root=True)),
    rule("loss for measure", (), MEASURES, "gives the loss, 1 - the measure", "take it from 1", as_a_loss),
    rule("pairs transposed", (), MEASURES, "gives boxes2 by boxes1", "transpose it", transposed),
    rule(
        "suppressed at the threshold", 38, SUPPRESSION, "suppresses at an IoU equal to the threshold as well",
        "suppress where IoU > threshold", convention(at_threshold=True),
    ),
    rule(
        "double threshold", 39, SUPPRESSION, "compares an IoU of float32 with a double (PyTorch)",
        "bring the threshold to the dtype of the boxes", convention(double=True),
    ),
    by_order("higher index first", 40, "takes the higher index first of equal scores, as a sort that is reversed",
             "best, higher index"),
    by_order("boxes as they come", (), "takes boxes in the order in which they come, not by their scores",
             "as they come"),
    by_order("worst first", (), "takes the lowest score first", "worst"),
    rule("score at the threshold", 43, SUPPRESSION, "lets a score equal to score_threshold take part",
         "take scores above it only", convention(at_score=True)),
    default_option("iou_threshold 0", SUPPRESSION, "iou_threshold", 0.0, 43, "ONNX's default"),
    default_option("no score_threshold", SUPPRESSION, "score_threshold", -np.inf, (), ""),
    rule("dropped boxes suppress", (), SUPPRESSION, "lets boxes suppress that were dropped themselves",
         "compare with the kept ones only", convention(by_dropped=True)),
    rule("across classes", (), SUPPRESSION, "lets boxes suppress those of other classes",
         "suppress within a class", convention(all_classes=True)),
    rule("limit first", (), SUPPRESSION, "takes the best max_output_size boxes before it suppresses",
         "count the kept ones", convention(first=True)),
    rule("no limit", (), SUPPRESSION, "keeps more than max_output_size boxes", "stop at max_output_size",
         convention(unlimited=True)),
    rule("indices in order", (), SUPPRESSION, "gives the indices in ascending order", "give the best score first",
         convention(gives="sorted")),
    rule("places in the order", (), SUPPRESSION, "gives places among the sorted boxes, not their indices",
         "look the places up in the order", convention(gives="places")),
    rule("places above the score", (), SUPPRESSION, "numbers only the boxes above score_threshold",
         "give indices into the boxes as they came", convention(gives="of those that take part")),
    rule("sigma without its half", 44, SOFT, "decays by exp(-IoU^2 / sigma)", "divide by 2 * sigma", half_the_sigma),
    rule("other decay", (), SOFT, "decays by the other method", "set method as it is here", other_method),
    rule("boxes not clipped", 43, COMBINED, "clips boxes to 0..1 or leaves them, the other way round",
         "set clip_boxes as it is here", unclipped),
]  # fmt: skip
