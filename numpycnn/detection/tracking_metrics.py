"""How well tracks follow objects: CLEAR MOT (Bernardin & Stiefelhagen, 2008) and identities (Ristani et al., 2016)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numpycnn.detection.boxes import as_boxes
from numpycnn.detection.overlap import iou
from numpycnn.detection.tracking import assign
from numpycnn.ops.arguments import check_shape, fail

__all__ = ["TrackingMetrics", "tracking_metrics"]


@dataclass(frozen=True)
class TrackingMetrics:
    """Counts over all frames, and the ratios that are made of them; NaN where there is nothing to divide by.

    objects, told: the boxes of the ground truth and of the tracks.   misses, false_positives: those without partner.
    switches: how often an object was found by another track than the last time it was found.
    identity_hits: the boxes found when every object may have one track, and every track one object, for good: IDTP.
    overlap: the sum of the IoU of all pairs.
    """

    objects: int
    told: int
    misses: int
    false_positives: int
    switches: int
    identity_hits: int
    overlap: float

    @property
    def mota(self) -> float:
        """1 - (misses + false_positives + switches) / objects: at most 1, and without a lower bound."""
        return 1 - _ratio(self.misses + self.false_positives + self.switches, self.objects)

    @property
    def motp(self) -> float:
        """overlap / pairs: how well the boxes found lie on their objects, as the MOTChallenge counts it; 1 is best.

        The paper's MOTP is a distance, here 1 less this.
        """
        return _ratio(self.overlap, self.objects - self.misses)

    @property
    def idf1(self) -> float:
        """2 IDTP / (objects + told): the harmonic mean of the parts of both that keep their identity."""
        return _ratio(2 * self.identity_hits, self.objects + self.told)


def tracking_metrics(
    ground_truth: Sequence[dict], tracks: Sequence[dict], *, iou_threshold: float = 0.5, format: str = "xyxy"
) -> TrackingMetrics:
    """MOTA, MOTP, IDF1 and identity switches.

    Args:
        ground_truth: for each frame a dict of boxes (n, 4) and ids (n,), integers, each once.
        tracks: for each frame the same of the tracks, as of `Tracker.update`.
        iou_threshold: what overlaps at least so much may be a pair.
        format: of all boxes.

    In each frame, pairs of the frame before are kept where they still overlap enough; the others are made so that their
    overlaps have the largest sum.

    Raises: ValueError for lists of two lengths, a missing key, an id that occurs twice in a frame.

    Source: Bernardin & Stiefelhagen, "Evaluating multiple object tracking performance", 2008; arXiv:1609.01775.

    >>> truth = [{"boxes": [[0, 0, 9, 9]], "ids": [1]}] * 4
    >>> told = [{"boxes": [[0, 0, 9, 9]], "ids": [name]} for name in (7, 7, 7, 8)]
    >>> result = tracking_metrics(truth, told)
    >>> result.switches, result.mota, result.motp, result.idf1
    (1, 0.75, 1.0, 0.75)
    """
    op = "tracking_metrics"
    if len(ground_truth) != len(tracks):
        rule = f"ground_truth and tracks must have one dict a frame each; got {len(ground_truth)} and {len(tracks)}"
        fail(op, rule)
    before, last, together = {}, {}, {}
    objects = told = paired = switches = 0
    overlap = 0.0
    for t, (truth, track) in enumerate(zip(ground_truth, tracks, strict=True)):
        boxes, ids = _fields(op, f"ground_truth[{t}]", truth)
        others, names = _fields(op, f"tracks[{t}]", track)
        overlaps = iou(boxes, others, format=format)
        enough = (overlaps >= iou_threshold) & (overlaps > 0)
        for i, k in np.argwhere(enough):
            pair = ids[i], names[k]
            together[pair] = together.get(pair, 0) + 1
        before = _pairs(np.where(enough, overlaps, 0), ids, names, before)
        overlap += sum(overlaps[ids.index(one), names.index(name)] for one, name in before.items())
        switches += sum(last.get(one, name) != name for one, name in before.items())
        last |= before
        objects, told, paired = objects + len(ids), told + len(names), paired + len(before)
    hits = _identity_hits(together)
    return TrackingMetrics(objects, told, objects - paired, told - paired, switches, hits, float(overlap))


def _pairs(overlaps, ids, names, before) -> dict[int, int]:
    """Of each object found, its track: that of the frame before where it can be."""
    kept = np.array([[before.get(one) == name for name in names] for one in ids], bool).reshape(overlaps.shape)
    kept &= overlaps > 0
    free = np.where(kept.any(axis=1, keepdims=True) | kept.any(axis=0), 0, overlaps)
    return {ids[i]: names[k] for i, k in (*np.argwhere(kept), *assign(free))}


def _identity_hits(together: dict[tuple[int, int], int]) -> int:
    """The most frames that one-to-one pairs of objects and tracks are together."""
    rows, columns = (sorted({pair[side] for pair in together}) for side in (0, 1))
    frames = np.array([[together.get((row, column), 0) for column in columns] for row in rows])
    frames = frames.reshape(len(rows), len(columns))
    return int(sum(frames[i, k] for i, k in assign(frames)))


def _fields(op, name, given: dict) -> tuple[np.ndarray, list[int]]:
    missing = [key for key in ("boxes", "ids") if key not in given]
    if missing:
        fail(op, f"{name} must have boxes and ids; it lacks {', '.join(missing)}")
    boxes = as_boxes(op, boxes=given["boxes"])
    ids = np.asarray(given["ids"])
    check_shape(op, boxes.shape[:1], f"one for each of the boxes of {name}", ids=ids)
    if len(np.unique(ids)) != len(ids):
        fail(op, f"{name} must have each of its ids once; got {ids.tolist()}")
    return boxes, ids.tolist()


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else float("nan")
