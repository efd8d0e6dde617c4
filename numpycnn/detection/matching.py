"""Which detection found which object: the two ways in which the challenges pair them.

Both go through the detections of one class in one picture, best first. What is paired with an ignored object (a crowd,
a difficult one, one of another size) counts neither as right nor as wrong.
"""

from typing import NamedTuple

import numpy as np

from numpycnn.detection.overlap_terms import ratio


class Objects(NamedTuple):
    """What there is to find: the overlap of every detection with it (n, m), and (m,) who is a crowd and who ignored."""

    overlaps: np.ndarray
    crowd: np.ndarray
    ignored: np.ndarray


class Matches(NamedTuple):
    """Of each detection, best first: whether it is right, and whether it is ignored; (thresholds, n)."""

    right: np.ndarray
    ignored: np.ndarray


def crowd_overlaps(a: np.ndarray, b: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """IoU of detections (n, 4) with objects (m, 4), both xywh; with a crowd, the share of the detection within it.

    In the order of pycocotools, whose sides are given and not made of corners.
    """
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[:, :2] + b[:, 2:])
    intersection = np.multiply(*np.moveaxis(np.maximum(high - low, 0), -1, 0))
    areas = a[:, 2] * a[:, 3], b[:, 2] * b[:, 3]
    union = np.where(crowd, areas[0][:, None], areas[0][:, None] + areas[1] - intersection)
    return ratio(intersection, union)


def match_as_coco(objects: Objects, out_of_size: np.ndarray, thresholds) -> Matches:
    """Each detection takes, of the objects not yet taken, the one it overlaps most; ignored ones for want of others.

    Of equal overlaps the last counts. A crowd may be taken many times. An unpaired detection of another size is
    ignored.
    """
    count = len(out_of_size)
    right, ignored = np.zeros((len(thresholds), count), bool), np.zeros((len(thresholds), count), bool)
    overlaps, crowd, others = objects
    for t, threshold in enumerate(thresholds):
        taken = np.zeros(len(others), bool)
        for n in range(count):
            fits = (overlaps[n] >= min(threshold, 1 - 1e-10)) & (~taken | crowd)
            fits &= ~others if (fits & ~others).any() else True
            if fits.any():
                best = _last_largest(np.where(fits, overlaps[n], -1))
                taken[best], right[t, n], ignored[t, n] = True, not others[best], others[best]
            else:
                ignored[t, n] = out_of_size[n]
    return Matches(right, ignored)


def match_as_voc(objects: Objects, out_of_size: np.ndarray, thresholds) -> Matches:
    """Each detection stands for the object it overlaps most, and is wrong where a better one stood for that before."""
    count = len(out_of_size)
    right, ignored = np.zeros((len(thresholds), count), bool), np.zeros((len(thresholds), count), bool)
    for t, threshold in enumerate(thresholds):
        taken = np.zeros(len(objects.ignored), bool)
        for n in range(count):
            best = int(np.argmax(objects.overlaps[n])) if len(taken) else -1
            if best < 0 or not objects.overlaps[n, best] >= threshold:
                ignored[t, n] = out_of_size[n]
            elif objects.ignored[best]:
                ignored[t, n] = True
            else:
                right[t, n], taken[best] = not taken[best], True
    return Matches(right, ignored)


def _last_largest(values: np.ndarray) -> int:
    return len(values) - 1 - int(np.argmax(values[::-1]))
