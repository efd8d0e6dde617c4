"""Average precision: pycocotools on random and adversarial pictures; VOC by formulas of its own."""
# ruff: noqa: E501 - a message is one line, here as for the user

import contextlib
import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from numpycnn.detection import average_precision, coco_summary, interpolate_precision, iou, mean_average_precision

STATS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def pictures(rng, count, *, most=8, found=1.0, classes=3, grid=True, crowds=True):
    """Objects on a grid of whole pixels, and detections near them and elsewhere, their scores full of ties."""
    truth, predicted = [], []
    for _ in range(count):
        n = rng.integers(0, most + 1)
        corner = rng.integers(0, 12, (n, 2)) * 8
        boxes = np.concatenate([corner, rng.choice([8, 16, 24, 40, 104], (n, 2))], axis=1).astype(float)
        labels = rng.integers(1, classes + 1, n)
        truth.append({"boxes": boxes, "classes": labels, "crowd": rng.random(n) < (0.25 if crowds else 0)})
        if rng.random() < 0.3:
            truth[-1]["area"] = np.prod(boxes[:, 2:], axis=1) * rng.choice([0.5, 1], n)
        again = rng.integers(0, n, int(found * 2 * n)) if n else np.empty(0, int)
        near = boxes[again] + rng.choice([0, 0, 0, 4, -4, 8], (len(again), 4))
        other = np.concatenate([rng.integers(0, 80, (4, 2)), rng.choice([8, 32, 96, 100], (4, 2))], axis=1)
        own = np.concatenate([near, other]).astype(float)
        own[:, 2:] = np.maximum(own[:, 2:], 4)
        own = own if grid else own + rng.uniform(0, 1, own.shape)
        scores = rng.integers(0, 5, len(own)) / 4 if grid else rng.random(len(own))
        guesses = np.concatenate([labels[again], rng.integers(1, classes + 2, 4)])
        predicted.append({"boxes": own, "scores": scores, "classes": guesses})
    return truth, predicted


def pycocotools(truth, predicted):
    """The evaluator after accumulate and summarize."""
    annotations, results = [], []
    for image, (objects, found) in enumerate(zip(truth, predicted, strict=True), 1):
        areas = objects.get("area", np.prod(objects["boxes"][:, 2:], axis=1))
        for box, label, crowd, area in zip(objects["boxes"], objects["classes"], objects["crowd"], areas, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(label),
                    "bbox": box.tolist(),
                    "area": float(area),
                    "iscrowd": int(crowd),
                }
            )
        for box, label, score in zip(found["boxes"], found["classes"], found["scores"], strict=True):
            results.append({"image_id": image, "category_id": int(label), "bbox": box.tolist(), "score": float(score)})
    labels = {a["category_id"] for a in (*annotations, *results)}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i + 1} for i in range(len(truth))],
            "annotations": annotations,
            "categories": [{"id": k} for k in sorted(labels)],
            "info": {},
        }
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(results) if results else COCO(), "bbox")
        if not results:
            evaluator.cocoDt.dataset = {**coco.dataset, "annotations": []}
            evaluator.cocoDt.createIndex()
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


def assert_equal_summaries(truth, predicted):
    evaluator = pycocotools(truth, predicted)
    summary = coco_summary(truth, predicted, format="xywh")
    assert tuple(summary) == STATS
    ours = np.nan_to_num(list(summary.values()), nan=-1)
    np.testing.assert_allclose(ours, evaluator.stats, rtol=0, atol=1e-12)
    return evaluator


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0]), st.booleans(), st.booleans())
def test_the_twelve_numbers_are_pycocotools(seed, count, found, grid, crowds):
    truth, predicted = pictures(np.random.default_rng(seed), count, found=found, grid=grid, crowds=crowds)
    assert_equal_summaries(truth, predicted)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_table_of_classes_and_thresholds_is_pycocotools(seed):
    truth, predicted = pictures(np.random.default_rng(seed), 3)
    evaluator = pycocotools(truth, predicted)
    result = mean_average_precision(truth, predicted, format="xywh")
    theirs = evaluator.eval["precision"][:, :, :, 0, 2].mean(axis=1)
    np.testing.assert_array_equal(result.classes, evaluator.params.catIds)
    np.testing.assert_allclose(np.nan_to_num(result.table, nan=-1), theirs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        np.nan_to_num(result.recalls, nan=-1), evaluator.eval["recall"][:, :, 0, 2], rtol=0, atol=1e-12
    )
    known = result.table[:, ~np.isnan(result.table[0])]
    assert result.per_class.keys() == set(result.classes.tolist())
    if known.size:
        assert result.mean == pytest.approx(known.mean(), abs=1e-15)
        np.testing.assert_allclose(list(result.per_threshold.values()), known.mean(axis=1))


def test_more_than_a_hundred_detections():
    rng = np.random.default_rng(3)
    truth, predicted = pictures(rng, 2, most=60, found=3, classes=1)
    assert max(np.bincount(p["classes"])[1] for p in predicted) > 100
    evaluator = assert_equal_summaries(truth, predicted)
    assert evaluator.stats[6] < evaluator.stats[7] < evaluator.stats[8]


def adversarial():
    box, elsewhere = [0.0, 0, 10, 10], [50.0, 50, 10, 10]
    nothing = {"boxes": np.zeros((0, 4)), "classes": np.zeros(0, int), "crowd": np.zeros(0, bool)}
    none = {"boxes": np.zeros((0, 4)), "classes": np.zeros(0, int), "scores": np.zeros(0)}

    def objects(*boxes, crowd=0):
        return {"boxes": np.array(boxes), "classes": np.ones(len(boxes), int), "crowd": np.arange(len(boxes)) < crowd}

    def found(*boxes, scores=None):
        return {
            "boxes": np.array(boxes),
            "classes": np.ones(len(boxes), int),
            "scores": np.array(scores or [0.5] * len(boxes)),
        }

    yield "nothing to find", [nothing], [found(box)]
    yield "nothing found", [objects(box)], [none]
    yield "all found twice, tied", [objects(box, elsewhere)], [found(box, box, elsewhere, elsewhere)]
    yield "two objects at one place", [objects(box, box)], [found(box, box, box)]
    yield "only crowds", [objects(box, elsewhere, crowd=2)], [found(box, box)]
    yield "a crowd and an object at one place", [objects(box, box, crowd=1)], [found(box, box, box)]
    yield "the crowd fits better", [objects([0, 0, 10, 10], [0, 0, 10, 8], crowd=1)], [found(box, box)]
    yield "small within a crowd", [objects([0, 0, 100, 100], crowd=1)], [found([5, 5, 2, 2], elsewhere)]
    yield "overlap of exactly a half", [objects([0, 0, 10, 10])], [found([0, 0, 10, 5])]
    yield (
        "on the border of a size",
        [objects([0, 0, 32, 32], [100, 100, 96, 96])],
        [found([0, 0, 32, 32], [100, 100, 96, 96])],
    )
    yield "just another size", [objects([0, 0, 32, 33])], [found([0, 0, 32, 32], [0, 0, 32, 34])]
    yield (
        "ties across pictures",
        [objects(box), objects(elsewhere), nothing],
        [found(elsewhere, box), found(elsewhere), found(box)],
    )
    yield "boxes without area", [objects([3, 3, 0, 0], box)], [found([3, 3, 0, 0], [3, 3, 0, 5], box)]


@pytest.mark.parametrize(
    ("truth", "predicted"), [case[1:] for case in adversarial()], ids=[case[0] for case in adversarial()]
)
def test_adversarial_pictures(truth, predicted):
    assert_equal_summaries(truth, predicted)


# VOC, from the text of the challenge


def voc_by_hand(truth, predicted, label, threshold):
    """Recall and precision of one class: one loop over all detections by score."""
    ranked = sorted(
        ((-s, i, j) for i, p in enumerate(predicted) for j, s in enumerate(p["scores"]) if p["classes"][j] == label)
    )
    taken, hits, total, curve = set(), 0, 0, []
    to_find = sum(int(np.sum((t["classes"] == label) & ~t["crowd"])) for t in truth)
    for _, i, j in ranked:
        own = np.flatnonzero(truth[i]["classes"] == label)
        overlaps = iou(predicted[i]["boxes"][j : j + 1], truth[i]["boxes"][own], format="xywh")[0]
        best = int(np.argmax(overlaps)) if len(own) else None
        if best is not None and overlaps[best] >= threshold:
            if truth[i]["crowd"][own[best]]:
                continue
            hits += (i, best) not in taken
            taken.add((i, best))
        total += 1
        curve.append((hits / to_find if to_find else 0.0, hits / total))
    return to_find, np.array(curve).reshape(-1, 2).T


def voc11(recall, precision):
    return (
        sum(max((p for r, p in zip(recall, precision, strict=True) if r >= k / 10), default=0.0) for k in range(11))
        / 11
    )


def voc_all(recall, precision):
    area, before = 0.0, 0.0
    for r in sorted(set(recall)):
        area += (r - before) * max(p for q, p in zip(recall, precision, strict=True) if q >= r)
        before = r
    return area


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["voc11", "voc_all"]), st.sampled_from([0.3, 0.5, 0.75]))
def test_voc_is_its_text(seed, mode, threshold):
    truth, predicted = pictures(np.random.default_rng(seed), 3)
    result = mean_average_precision(truth, predicted, mode=mode, iou_thresholds=threshold, format="xywh")
    for k, label in enumerate(result.classes):
        to_find, (recall, precision) = voc_by_hand(truth, predicted, label, threshold)
        by_hand = (voc11 if mode == "voc11" else voc_all)(recall, precision) if to_find else np.nan
        np.testing.assert_allclose(result.table[0, k], by_hand, rtol=0, atol=1e-12)
        np.testing.assert_allclose(result.curves[0, int(label)][1], precision)


def test_where_the_two_challenges_differ():
    """The better of two detections takes the only object near both; COCO gives the other one the second object."""
    truth = [{"boxes": [[0, 0, 10, 10], [4, 0, 10, 10]], "classes": [1, 1]}]
    found = [{"boxes": [[0, 0, 10, 10], [1, 0, 10, 10]], "scores": [0.9, 0.8], "classes": [1, 1]}]
    scores = {
        mode: mean_average_precision(truth, found, mode=mode, iou_thresholds=0.5, format="xywh").mean
        for mode in ("coco101", "voc_all")
    }
    assert scores == {"coco101": 1.0, "voc_all": 0.5}


# Curves


@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_curves_by_hand(seed, count):
    rng = np.random.default_rng(seed)
    hits = np.cumsum(rng.random(count) < 0.5)
    recall, precision = hits / max(10, count), hits / np.arange(1, count + 1)
    assert average_precision(recall, precision, mode="voc11") == pytest.approx(voc11(recall, precision), abs=1e-14)
    assert average_precision(recall, precision, mode="voc_all") == pytest.approx(voc_all(recall, precision), abs=1e-14)
    best = interpolate_precision(precision)
    np.testing.assert_array_equal(best, [precision[i:].max() for i in range(count)])


def test_a_recall_of_three_tenths_is_one_of_eleven():
    """0:0.1:1 as the devkit has it; 3 * 0.1 is more than 0.3 in binary."""
    assert average_precision([0.3], [1.0], mode="voc11") == pytest.approx(4 / 11)


def test_nothing_in_nothing_out():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for mode in ("coco101", "voc11", "voc_all"):
            assert average_precision([], [], mode=mode) == 0
            for lists in ([], []), ([{"boxes": [], "classes": []}], [{"boxes": [], "scores": [], "classes": []}]):
                result = mean_average_precision(*lists, mode=mode)
                assert np.isnan(result.mean)
                assert np.isnan(result.recall)
                assert result.per_class == {}
        assert interpolate_precision([]).shape == (0,)
        assert all(np.isnan(value) for value in coco_summary([], []).values())


ERRORS = [
    (lambda: mean_average_precision([{}], []), "mean_average_precision: ground_truth and predictions must have one dict a picture each; got 1 and 0."),
    (lambda: mean_average_precision([{"boxes": []}], [{}]), "mean_average_precision: ground_truth[0] must have boxes, classes; it lacks classes."),
    (lambda: mean_average_precision([{"boxes": [], "classes": []}], [{"boxes": np.zeros((2, 4)), "classes": [1, 1], "scores": [1]}]), "mean_average_precision: scores must have one for each of the boxes of predictions[0], (2,); got scores (1,)."),
    (lambda: mean_average_precision([], [], mode="voc12"), "mean_average_precision: mode must be \"coco101\", \"voc11\" or \"voc_all\"; got mode 'voc12'."),
    (lambda: average_precision([0.5, 0.2], [1, 1]), "average_precision: recall must never fall from one point to the next; got recall (2,)."),
    (lambda: average_precision([0.5], [1, 1]), "average_precision: precision must have the shape of recall, (1,); got precision (2,)."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[e[1][:70] for e in ERRORS])
def test_errors(call, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is compared whole
        call()
    assert str(raised.value) == message
