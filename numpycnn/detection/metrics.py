"""Mean average precision of detections over many pictures, as pycocotools and the VOC devkit compute it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from numpycnn.detection.average_precision import average_precision, check_mode
from numpycnn.detection.boxes import as_boxes, convert_boxes
from numpycnn.detection.matching import Matches, Objects, crowd_overlaps, match_as_coco, match_as_voc
from numpycnn.ops.arguments import check_shape, fail, integer

__all__ = ["COCO_SIZES", "MeanAveragePrecision", "coco_summary", "mean_average_precision"]

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
COCO_SIZES = {"all": (0, np.inf), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, np.inf)}
"""Areas in pixels, both ends included."""


@dataclass(frozen=True)
class MeanAveragePrecision:
    """Average precisions of every class at every threshold.

    classes: (k,) the class numbers that occur.   iou_thresholds: (t,).
    table: (t, k) average precisions, NaN for a class that has nothing to find.
    recalls: (t, k) the part of all objects that was found at all.
    curves: for each (threshold index, class) the recall and the precision after each detection, best first.
    """

    classes: np.ndarray
    iou_thresholds: np.ndarray
    table: np.ndarray
    recalls: np.ndarray
    curves: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]

    @property
    def mean(self) -> float:
        """Over all thresholds and classes that have something to find; NaN without one. pycocotools says -1 then."""
        return _mean(self.table)

    @property
    def recall(self) -> float:
        """The mean of `recalls`: COCO's average recall."""
        return _mean(self.recalls)

    @property
    def per_class(self) -> dict[int, float]:
        return {int(name): _mean(column) for name, column in zip(self.classes, self.table.T, strict=True)}

    @property
    def per_threshold(self) -> dict[float, float]:
        return {float(name): _mean(row) for name, row in zip(self.iou_thresholds, self.table, strict=True)}


class Found(NamedTuple):
    """The detections of one class in one picture, best first, matched; and how many objects there were to find."""

    scores: np.ndarray
    matches: Matches
    to_find: int


def mean_average_precision(
    ground_truth: Sequence[dict],
    predictions: Sequence[dict],
    *,
    mode: str = "coco101",
    iou_thresholds=None,
    area_range: tuple[float, float] = (0, np.inf),
    max_detections: int | None = None,
    format: str = "xyxy",
) -> MeanAveragePrecision:
    """How well boxes were found: precision averaged over recall, classes and strictness.

    Args:
        ground_truth: for each picture a dict of boxes (n, 4), classes (n,) and, where wanted, crowd (n,) bool (in VOC's
            terms: difficult) and area (n,), which sorts objects by size instead of the area of their boxes.
        predictions: for each picture a dict of boxes (m, 4), scores (m,) and classes (m,).
        mode: "coco101", "voc11" or "voc_all", as in `average_precision`. COCO gives a detection the best object that is
            left; VOC calls it wrong where its best object was taken.
        iou_thresholds: one or several; by default 0.5, 0.55, .. 0.95 for COCO and 0.5 for VOC.
        area_range: objects of other areas, and detections that match none, are left out of the count.
        max_detections: the best so many of each class and picture count; by default 100 for COCO, all for VOC.
        format: of the boxes, absolute or relative; area_range has its units.

    Returns: MeanAveragePrecision, of which `.mean` is the one number. Equal scores keep the order of the pictures.

    Raises: ValueError for lists of two lengths, arrays that do not go together, a missing key, an unknown mode.

    Source: pycocotools.cocoeval.COCOeval; the VOC devkit of 2010, without its extra pixel.

    >>> truth = [{"boxes": [[0, 0, 2, 2], [5, 5, 9, 9]], "classes": [1, 1]}]
    >>> found = [{"boxes": [[0, 0, 2, 2], [5, 5, 9, 8]], "scores": [0.9, 0.8], "classes": [1, 1]}]
    >>> result = mean_average_precision(truth, found, iou_thresholds=[0.5, 0.9])
    >>> {t: round(ap, 3) for t, ap in result.per_threshold.items()}
    {0.5: 1.0, 0.9: 0.505}
    """
    op = "mean_average_precision"
    coco = check_mode(op, mode) == "coco101"
    thresholds = np.atleast_1d((COCO_THRESHOLDS if coco else [0.5]) if iou_thresholds is None else iou_thresholds)
    limit = integer(op, "max_detections", (100 if coco else 2**62) if max_detections is None else max_detections)
    pictures = _pictures(op, ground_truth, predictions, format)
    classes = np.unique(np.concatenate([np.empty(0, int), *(part["classes"] for pair in pictures for part in pair)]))
    table, recalls = (np.full((len(thresholds), len(classes)), np.nan) for _ in range(2))
    curves = {}
    for k, label in enumerate(classes):
        found = [_found(*pair, label, coco, thresholds, area_range, limit) for pair in pictures]
        for t, curve in enumerate(_curves(found)):
            recall, precision = curves[t, int(label)] = curve
            if sum(one.to_find for one in found):
                table[t, k] = average_precision(recall, precision, mode=mode)
                recalls[t, k] = recall[-1] if len(recall) else 0.0
    return MeanAveragePrecision(classes, thresholds, table, recalls, curves)


def coco_summary(
    ground_truth: Sequence[dict], predictions: Sequence[dict], *, format: str = "xyxy"
) -> dict[str, float]:
    """The twelve numbers that pycocotools prints, by their names there; NaN where there is nothing to find.

    Args: as in `mean_average_precision`; boxes in pixels.

    >>> truth = [{"boxes": [[0, 0, 20, 20]], "classes": [1]}]
    >>> summary = coco_summary(truth, [{"boxes": [[0, 0, 20, 18]], "scores": [0.9], "classes": [1]}])
    >>> {name: round(value, 3) for name, value in summary.items() if value == value and "AP" in name}
    {'AP': 0.9, 'AP50': 1.0, 'AP75': 1.0, 'APs': 0.9}
    """
    measure = partial(mean_average_precision, ground_truth, predictions, format=format)
    sized = {size: measure(area_range=area) for size, area in COCO_SIZES.items()}
    few = {limit: measure(max_detections=limit) for limit in (1, 10)}
    whole = sized["all"]
    return {
        "AP": whole.mean, "AP50": _mean(whole.table[0]), "AP75": _mean(whole.table[5]),
        "APs": sized["small"].mean, "APm": sized["medium"].mean, "APl": sized["large"].mean,
        "AR1": few[1].recall, "AR10": few[10].recall, "AR100": whole.recall,
        "ARs": sized["small"].recall, "ARm": sized["medium"].recall, "ARl": sized["large"].recall,
    }  # fmt: skip


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _curves(found: list[Found]):
    """Recall and precision after each detection that counts, best first, for each threshold."""
    scores = np.concatenate([one.scores for one in found])
    order = np.argsort(-scores, kind="stable")
    right, ignored = (np.concatenate([one.matches[i] for one in found], axis=1)[:, order] for i in range(2))
    to_find = sum(one.to_find for one in found)
    for row, left_out in zip(right, ignored, strict=True):
        hits = np.cumsum(row[~left_out])
        yield hits / max(to_find, 1), hits / np.arange(1, len(hits) + 1)


def _found(truth, predicted, label, coco, thresholds, area_range, limit) -> Found:
    own, mine = truth["classes"] == label, predicted["classes"] == label
    objects, crowd, areas = truth["boxes"][own], truth["crowd"][own], truth["area"][own]
    best = np.argsort(-predicted["scores"][mine], kind="stable")[:limit]
    boxes, scores = predicted["boxes"][mine][best], predicted["scores"][mine][best]
    least, most = area_range
    ignored = crowd | (areas < least) | (areas > most)
    size = boxes[:, 2] * boxes[:, 3]
    overlaps = crowd_overlaps(boxes, objects, crowd & coco)
    match = match_as_coco if coco else match_as_voc
    matches = match(Objects(overlaps, crowd, ignored), (size < least) | (size > most), thresholds)
    return Found(scores, matches, int(np.count_nonzero(~ignored)))


def _pictures(op, ground_truth, predictions, format) -> list[tuple[dict, dict]]:
    """Checked pairs of dicts, the boxes as float64 xywh."""
    if len(ground_truth) != len(predictions):
        rule = f"ground_truth and predictions must have one dict a picture each; got {len(ground_truth)} and"
        fail(op, f"{rule} {len(predictions)}")
    pairs = []
    for i, (truth, predicted) in enumerate(zip(ground_truth, predictions, strict=True)):
        own = _fields(op, f"ground_truth[{i}]", truth, format, ("classes",), ("crowd", "area"))
        own["area"] = own.get("area", own["boxes"][:, 2] * own["boxes"][:, 3])
        own["crowd"] = own.get("crowd", np.zeros(len(own["boxes"]))).astype(bool)
        pairs.append((own, _fields(op, f"predictions[{i}]", predicted, format, ("classes", "scores"), ())))
    return pairs


def _fields(op, name, given: dict, format, needed, optional) -> dict[str, np.ndarray]:
    missing = [key for key in ("boxes", *needed) if key not in given]
    if missing:
        fail(op, f"{name} must have boxes, {', '.join(needed)}; it lacks {', '.join(missing)}")
    boxes = convert_boxes(np.asarray(as_boxes(op, boxes=given["boxes"]), np.float64), format, _plain(format))
    fields = {"boxes": boxes}
    for key in (*needed, *(key for key in optional if given.get(key) is not None)):
        fields[key] = np.asarray(given[key])
        fields[key] = fields[key].astype(int) if key == "classes" else fields[key]
        check_shape(op, boxes.shape[:1], f"one for each of the boxes of {name}", **{key: fields[key]})
    return fields


def _plain(format: str) -> str:
    return "rel_xywh" if format.startswith("rel_") else "xywh"
