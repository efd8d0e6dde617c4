"""Tracking by detection: boxes found frame by frame become tracks, as in SORT (Bewley et al., arXiv:1602.00763).

A track is a Kalman filter whose state (7,) is center_x, center_y, area, aspect (width over height) and what the first
three change by from a frame to the next. A detection measures the first four.
"""

from collections.abc import Iterable

import numpy as np

from numpycnn.detection.boxes import as_boxes, convert_boxes
from numpycnn.detection.overlap import iou
from numpycnn.ops.arguments import check_rank, fail, ieee, integer

__all__ = ["Tracker", "assign", "kalman_predict", "kalman_update", "track_boxes"]

TRANSITION = np.eye(7) + np.eye(7, k=4)
"""Of the state: a constant velocity; the aspect has none."""

PROCESS_NOISE = np.array([1, 1, 1, 1, 1e-2, 1e-2, 1e-4])
MEASUREMENT_NOISE = np.array([1, 1, 10, 10.0])
FIRST_VARIANCE = np.array([10, 10, 10, 10, 1e4, 1e4, 1e4])
"""Variances, in pixels: those of SORT's authors. What moves is not known of a track just born."""


@ieee
def kalman_predict(mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States (n, 7) and their covariances (n, 7, 7), one frame on. An area that would vanish stays as it was.

    x = F x,   P = F P F^T + Q.

    >>> mean, _ = kalman_predict(np.array([[5.0, 6, 100, 1, 2, -1, 10]]), np.eye(7)[None])
    >>> mean
    array([[  7.,   5., 110.,   1.,   2.,  -1.,  10.]])
    """
    mean = mean.copy()
    mean[mean[:, 2] + mean[:, 6] <= 0, 6] = 0
    return mean @ TRANSITION.T, TRANSITION @ covariance @ TRANSITION.T + np.diag(PROCESS_NOISE)


@ieee
def kalman_update(mean: np.ndarray, covariance: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States (n, 7) and covariances (n, 7, 7) after measurements (n, 4) of center_x, center_y, area and aspect.

    K = P H^T (H P H^T + R)^-1,   x = x + K (z - H x),   P = P - K H P, where H takes the first four.

    >>> mean, covariance = kalman_update(np.zeros((1, 7)), np.eye(7)[None], np.array([[4.0, 2, 11, 11]]))
    >>> mean
    array([[2., 1., 1., 1., 0., 0., 0.]])
    """
    seen = covariance[:, :4]
    gain = np.linalg.solve(seen[:, :, :4] + np.diag(MEASUREMENT_NOISE), seen).transpose(0, 2, 1)
    mean = mean + (gain @ (measured - mean[:, :4])[..., None])[..., 0]
    return mean, covariance - gain @ seen


def assign(overlaps, least: float = 0.0) -> np.ndarray:
    """The pairs of a row and a column whose overlaps have the largest sum: the Hungarian method.

    Args: overlaps: (n, m), not negative; least: pairs that overlap less, or not at all, or by NaN, cannot be made.

    Returns: (k, 2) integers, each row and each column at most once, by rows.

    >>> assign([[0.9, 0.8], [0.7, 0.1]])
    array([[0, 1],
           [1, 0]])
    >>> assign([[0.9, 0.8], [0.7, 0.1]], 0.75)
    array([[0, 0]])
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise ImportError(f'SciPy is needed: pip install "numpycnn-reference[tracking]"; {error}') from error
    overlaps = np.asarray(overlaps, np.float64)
    check_rank("assign", "(n, m)", overlaps=overlaps)
    allowed = (overlaps >= least) & (overlaps > 0)
    rows, columns = linear_sum_assignment(np.where(allowed, overlaps, 0), maximize=True)
    made = allowed[rows, columns]
    return np.stack([rows[made], columns[made]], axis=1)


class Tracker:
    """Boxes in, frame by frame; boxes with the identities of their tracks out.

    Args:
        max_age: in how many frames in a row a track may find no detection before it dies.
        min_hits: in how many frames in a row, after that of its birth, a track must be found before it is told. Tracks
            of the first `min_hits` frames are told at once.
        iou_threshold: how much a detection must overlap the box that a track predicts.
        format: of the boxes, in pixels, which are the unit of the filter's noise.

    Defaults and rules are those of SORT's code, but for one: what overlaps too little is left out before boxes are
    assigned, not after, so that it cannot keep others from each other.

    >>> tracker = Tracker()
    >>> for t in range(3):
    ...     found = tracker.update([[t, 0, t + 9, 9], [40 - t, 0, 49 - t, 9]])
    >>> found["ids"], found["boxes"].round(1)[0]
    (array([0, 1]), array([ 2.,  0., 11.,  9.]))
    """

    def __init__(
        self, *, max_age: int = 1, min_hits: int = 3, iou_threshold: float = 0.3, format: str = "xyxy"
    ) -> None:
        self.max_age = integer("Tracker", "max_age", max_age, least=0)
        self.min_hits = integer("Tracker", "min_hits", min_hits, least=0)
        if not 0 <= iou_threshold <= 1:
            fail("Tracker", "iou_threshold must be from 0 to 1", iou_threshold=iou_threshold)
        self.iou_threshold, self.format = iou_threshold, format
        self.frames = self.born = 0
        self.mean, self.covariance = np.empty((0, 7)), np.empty((0, 7, 7))
        self.ids, self.lost, self.hits = (np.empty(0, int) for _ in range(3))

    def update(self, boxes) -> dict[str, np.ndarray]:
        """The tracks found in the next frame.

        Args: boxes: (n, 4), what was found in it. Boxes without area, or not finite, belong to no track.

        Returns: boxes (k, 4) as the filters estimate them, float64, in the tracker's format; ids (k,) from 0 in the
            order of birth, ascending; detections (k,) the row of each in the boxes given.
        """
        measured, usable = _measured(as_boxes("Tracker.update", boxes=boxes), self.format)
        self.frames += 1
        self.mean, self.covariance = kalman_predict(self.mean, self.covariance)
        self.hits[self.lost > 0] = 0
        self.lost += 1
        overlaps = iou(_boxes(self.mean), _boxes(measured), format="center_xywh")
        tracks, found = assign(overlaps, self.iou_threshold).T
        self.mean[tracks], self.covariance[tracks] = kalman_update(
            self.mean[tracks], self.covariance[tracks], measured[found]
        )
        self.lost[tracks] = 0
        self.hits[tracks] += 1
        rows = np.full(len(self.ids), -1)
        rows[tracks] = found
        new = np.setdiff1d(np.arange(len(measured)), found)
        self._bear(measured[new])
        rows = np.concatenate([rows, new])
        told = (self.lost == 0) & ((self.hits >= self.min_hits) | (self.frames <= self.min_hits))
        estimated = convert_boxes(_boxes(self.mean[told]), "center_xywh", self.format)
        result = {"boxes": estimated, "ids": self.ids[told], "detections": usable[rows[told]]}
        self._keep(self.lost <= self.max_age)
        return result

    def _bear(self, measured) -> None:
        count = len(measured)
        self.mean = np.concatenate([self.mean, np.pad(measured, ((0, 0), (0, 3)))])
        self.covariance = np.concatenate([self.covariance, np.tile(np.diag(FIRST_VARIANCE), (count, 1, 1))])
        self.ids = np.concatenate([self.ids, self.born + np.arange(count)])
        self.lost, self.hits = (np.pad(old, (0, count)) for old in (self.lost, self.hits))
        self.born += count

    def _keep(self, alive) -> None:
        self.mean, self.covariance = self.mean[alive], self.covariance[alive]
        self.ids, self.lost, self.hits = self.ids[alive], self.lost[alive], self.hits[alive]


def track_boxes(frames: Iterable, **options) -> list[dict[str, np.ndarray]]:
    """What `Tracker(**options).update` says of each frame's boxes (n, 4).

    >>> [found["ids"].tolist() for found in track_boxes([[[0, 0, 9, 9]], [], [[0, 0, 9, 9]]])]
    [[0], [], [0]]
    """
    tracker = Tracker(**options)
    return [tracker.update(boxes) for boxes in frames]


@ieee
def _measured(boxes, format) -> tuple[np.ndarray, np.ndarray]:
    """center_x, center_y, area and aspect (k, 4) of the boxes that have them, and their rows (k,)."""
    check_rank("Tracker.update", "(n, 4)", boxes=boxes)
    center_x, center_y, *sides = convert_boxes(boxes.astype(np.float64), format, "center_xywh").T
    width, height = np.abs(sides)
    aspect = np.divide(width, height, out=np.zeros_like(width), where=height > 0)
    measured = np.stack([center_x, center_y, width * height, aspect], axis=1)
    usable = np.flatnonzero(np.isfinite(measured).all(axis=1) & (measured[:, 2:] > 0).all(axis=1))
    return measured[usable], usable


@ieee
def _boxes(state: np.ndarray) -> np.ndarray:
    """center_xywh (n, 4) of states or measurements."""
    center, area, aspect = state[:, :2], state[:, 2:3], state[:, 3:4]
    return np.concatenate([center, np.sqrt(area * aspect), np.sqrt(area / aspect)], axis=1)
