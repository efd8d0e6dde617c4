"""Tracking: the filter by its textbook formulas, assignments by brute force, metrics by hand and by formulas."""

import itertools
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.optimize import linear_sum_assignment

from numpycnn.data import moving_scene
from numpycnn.detection import Tracker, assign, iou, kalman_predict, kalman_update, track_boxes, tracking_metrics

SEEDS = st.integers(0, 2**32 - 1)
BOX, FAR, FARTHER = [0.0, 0, 10, 10], [50.0, 0, 60, 10], [0.0, 50, 10, 60]


def states(rng, count):
    mean = np.concatenate([rng.uniform(1, 200, (count, 4)), rng.normal(0, 5, (count, 3))], axis=1)
    mean[:, 6] = rng.uniform(-300, 50, count)
    half = rng.normal(0, 3, (count, 7, 7))
    return mean, half @ half.transpose(0, 2, 1) + np.eye(7)


@given(SEEDS, st.integers(0, 5))
def test_the_filter_is_the_textbooks(seed, count):
    """One state at a time, with F, H, Q and R written out, an explicit inverse and Joseph's form of the update."""
    rng = np.random.default_rng(seed)
    mean, covariance = states(rng, count)
    measured = rng.uniform(1, 200, (count, 4))
    given = mean.copy(), covariance.copy()
    later, wider = kalman_predict(mean, covariance)
    told, narrower = kalman_update(mean, covariance, measured)
    np.testing.assert_array_equal(mean, given[0])
    np.testing.assert_array_equal(covariance, given[1])
    F = np.eye(7)
    F[0, 4] = F[1, 5] = F[2, 6] = 1
    H, Q, R = np.eye(4, 7), np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001]), np.diag([1, 1, 10, 10])
    for i in range(count):
        x, P, z = mean[i].copy(), covariance[i], measured[i]
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
        rest = np.eye(7) - K @ H
        np.testing.assert_allclose(told[i], x + K @ (z - H @ x), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(narrower[i], rest @ P @ rest.T + K @ R @ K.T, rtol=1e-7, atol=1e-8)
        if x[2] + x[6] <= 0:
            x[6] = 0
        np.testing.assert_allclose(later[i], F @ x, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(wider[i], F @ P @ F.T + Q, rtol=1e-12, atol=1e-10)
        assert later[i, 2] > 0


@given(SEEDS, st.integers(0, 4), st.integers(0, 5), st.sampled_from([0.0, 0.25, 0.75]), st.booleans())
def test_no_other_assignment_has_a_larger_sum(seed, n, m, least, ties):
    rng = np.random.default_rng(seed)
    overlaps = rng.integers(0, 4, (n, m)) / 4 if ties else rng.random((n, m))
    overlaps[rng.random((n, m)) < 0.1] = np.nan
    pairs = assign(overlaps, least)
    assert all(len(set(side.tolist())) == len(pairs) for side in pairs.T)
    values = np.array([overlaps[i, k] for i, k in pairs])
    assert (values >= least).all()
    assert (values > 0).all()
    worth = np.where(overlaps >= least, overlaps, 0)
    worth = worth if n <= m else worth.T
    sums = [
        sum(worth[i, k] for i, k in enumerate(chosen)) for chosen in itertools.permutations(range(max(n, m)), min(n, m))
    ]
    assert values.sum() == pytest.approx(max(sums), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 5), st.integers(0, 12))
def test_perfect_tracks_are_perfect(seed, things, frames):
    scene = moving_scene(np.ones((1, 8, 8)), [1], frames, things=things, seed=seed)
    names = np.random.default_rng(seed).permutation(100)
    result = tracking_metrics(scene.objects, [{**one, "ids": names[one["ids"]]} for one in scene.objects])
    assert (result.misses, result.false_positives, result.switches) == (0, 0, 0)
    assert result.objects == result.told == result.identity_hits == things * frames
    expected = 1.0 if things * frames else np.nan
    np.testing.assert_equal((result.mota, result.idf1), (expected, expected))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 5), st.floats(0, 6), st.sampled_from(["xyxy", "yxyx", "center_xywh"]))
def test_boxes_that_never_meet_are_tracked_without_a_fault(seed, things, speed, format):
    """Perfect detections in shuffled order, each thing in a lane of its own: MOTA 1, IDF1 1, no switch."""
    rng = np.random.default_rng(seed)
    x, step = rng.uniform(0, 50, things), rng.uniform(-speed, speed, things)
    y = 30.0 * np.arange(things)
    w, h = rng.uniform(16, 28, (2, things))
    frames, truth = [], []
    for t in range(15):
        left = x + t * step
        boxes = {
            "xyxy": np.stack([left, y, left + w, y + h], axis=1),
            "yxyx": np.stack([y, left, y + h, left + w], axis=1),
            "center_xywh": np.stack([left + w / 2, y + h / 2, w, h], axis=1),
        }[format]
        order = rng.permutation(things)
        frames.append(boxes[order])
        truth.append({"boxes": boxes[order], "ids": order})
    tracks = track_boxes(frames, format=format)
    result = tracking_metrics(truth, tracks, format=format)
    assert (result.mota, result.idf1, result.switches) == (1, 1, 0)
    for found, one in zip(tracks, truth, strict=True):
        assert found["ids"].tolist() == list(range(things))
        assert len(set(one["ids"][found["detections"]].tolist())) == things
        assert np.array_equal(one["ids"][found["detections"]], truth[0]["ids"])


def random_sequence(rng, frames):
    """Ids on three places, at some of which an object or a track is missing."""
    places, sequence = np.array([BOX, FAR, FARTHER]), []
    for _ in range(frames):
        order, there = rng.permutation(3), rng.random(3) < 0.8
        sequence.append({"boxes": places[order][there], "ids": np.arange(3)[there]})
    return sequence


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 6))
def test_idf1_is_ristanis_and_brute_force(seed, frames):
    rng = np.random.default_rng(seed)
    truth, told = random_sequence(rng, frames), random_sequence(rng, frames)
    result = tracking_metrics(truth, told)
    together, owned, named = np.zeros((3, 3), int), np.zeros(3, int), np.zeros(3, int)
    for a, b in zip(truth, told, strict=True):
        owned[a["ids"]] += 1
        named[b["ids"]] += 1
        for box, i in zip(a["boxes"], a["ids"], strict=True):
            together[i, b["ids"][(b["boxes"] == box).all(axis=1)]] += 1
    best = max(sum(together[i, k] for i, k in enumerate(chosen)) for chosen in itertools.permutations(range(3)))
    assert result.identity_hits == best
    never = 10**6
    cost = np.full((6, 6), never)  # section 3 of the paper: false negatives and positives of each pair, or of one alone
    cost[:3, :3] = owned[:, None] + named - 2 * together
    cost[:3, 3:] = np.where(np.eye(3, dtype=bool), owned[:, None], never)
    cost[3:, :3] = np.where(np.eye(3, dtype=bool), named, never)
    cost[3:, 3:] = 0
    errors = cost[linear_sum_assignment(cost)].sum()
    objects = int(owned.sum() + named.sum())
    np.testing.assert_allclose(result.idf1, (objects - errors) / objects if objects else np.nan, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 6))
def test_mota_by_counting_places(seed, frames):
    """Boxes are equal or apart, so who meets whom is a look-up, and the counts of CLEAR MOT are a few lines."""
    rng = np.random.default_rng(seed)
    truth, told = random_sequence(rng, frames), random_sequence(rng, frames)
    result = tracking_metrics(truth, told)
    met = wrong = 0
    last = {}
    for a, b in zip(truth, told, strict=True):
        at = {tuple(box): int(k) for box, k in zip(b["boxes"], b["ids"], strict=True)}
        for box, i in zip(a["boxes"], a["ids"].tolist(), strict=True):
            if tuple(box) in at:
                met += 1
                wrong += last.get(i, at[tuple(box)]) != at[tuple(box)]
                last[i] = at[tuple(box)]
    objects, count = (sum(len(one["ids"]) for one in side) for side in (truth, told))
    assert (result.misses, result.false_positives, result.switches) == (objects - met, count - met, wrong)
    mota = 1 - (objects + count - 2 * met + wrong) / objects if objects else np.nan
    np.testing.assert_allclose(result.mota, mota, rtol=0, atol=1e-12)


def jittered_sequences(rng, frames):
    """Three things that lie close together and jump about; tracks that miss some and mix up others."""
    places, truth, told = rng.uniform(0, 9, (3, 2)), [], []
    for _ in range(frames):
        places = places + rng.normal(0, 2, (3, 2))
        mixed = rng.permutation(3) if rng.random() < 0.3 else np.arange(3)
        for sequence, names in ((truth, np.arange(3)), (told, mixed)):
            boxes = np.concatenate([places, places + 12], axis=1) + rng.normal(0, 1, (3, 4))
            there = rng.random(3) < 0.8
            sequence.append({"boxes": boxes[there], "ids": names[there]})
    return truth, told


def every_matching(rows, columns):
    """All sets of pairs with each row and each column at most once."""
    if not rows:
        return [[]]
    first, *others = rows
    without = every_matching(others, columns)
    return without + [[(first, k), *rest] for k in columns for rest in every_matching(others, columns - {k})]


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 6))
def test_mota_and_motp_by_trying_every_matching(seed, frames):
    """In each frame the matching that keeps most pairs of the frame before and, of those, overlaps most."""
    truth, told = jittered_sequences(np.random.default_rng(seed), frames)
    result = tracking_metrics(truth, told, iou_threshold=0.3)
    before, last, met, wrong, total = set(), {}, 0, 0, 0.0
    for a, b in zip(truth, told, strict=True):
        overlap = {
            (i, k): iou([box], [other]).item()
            for i, box in zip(a["ids"].tolist(), a["boxes"], strict=True)
            for k, other in zip(b["ids"].tolist(), b["boxes"], strict=True)
        }
        allowed = {pair for pair, value in overlap.items() if value >= 0.3}
        matchings = [m for m in every_matching(a["ids"].tolist(), set(b["ids"].tolist())) if set(m) <= allowed]
        sums = [(len(before & set(matching)), sum(overlap[pair] for pair in matching)) for matching in matchings]
        best = matchings[sums.index(max(sums))]
        wrong += sum(last.get(i, k) != k for i, k in best)
        total, met = total + sum(overlap[pair] for pair in best), met + len(best)
        before, last = set(best), last | dict(best)
    objects, count = (sum(len(one["ids"]) for one in side) for side in (truth, told))
    assert (result.misses, result.false_positives, result.switches) == (objects - met, count - met, wrong)
    np.testing.assert_allclose(result.motp, total / met if met else np.nan, rtol=1e-12)


def test_trackeval_counts_the_same_where_it_is_installed(monkeypatch):
    """The code of the MOTChallenge; no dependency of the tests, since it brings OpenCV. Compared with 1.3.0."""
    monkeypatch.setattr(np, "float", float, raising=False)  # names that NumPy has dropped
    monkeypatch.setattr(np, "int", int, raising=False)
    clear, identity = (pytest.importorskip(f"trackeval.metrics.{name}") for name in ("clear", "identity"))
    for seed in range(100):
        truth, told = jittered_sequences(np.random.default_rng(seed), 8)
        given = {f"num_{side}_{what}": n for side in ("gt", "tracker") for what, n in (("ids", 3), ("dets", 0))}
        given |= {"num_timesteps": 8, "gt_ids": [a["ids"] for a in truth], "tracker_ids": [b["ids"] for b in told]}
        given |= {
            "num_gt_dets": sum(map(len, given["gt_ids"])),
            "num_tracker_dets": sum(map(len, given["tracker_ids"])),
        }
        given["similarity_scores"] = [iou(a["boxes"], b["boxes"]) for a, b in zip(truth, told, strict=True)]
        theirs = clear.CLEAR({"PRINT_CONFIG": False}).eval_sequence(given)
        theirs |= identity.Identity({"PRINT_CONFIG": False}).eval_sequence(given)
        ours = tracking_metrics(truth, told)
        assert (ours.misses, ours.false_positives) == (theirs["CLR_FN"], theirs["CLR_FP"])
        assert (ours.switches, ours.identity_hits) == (theirs["IDSW"], theirs["IDTP"])
        ratios = [theirs[name] for name in ("MOTA", "MOTP", "IDF1")]
        np.testing.assert_allclose([ours.mota, ours.motp, ours.idf1], ratios, rtol=1e-12)


def frame(**boxes):
    return {"boxes": list(boxes.values()), "ids": [int(name[1:]) for name in boxes]}


HALF, NEAR = [0.0, 0, 10, 6], [0.0, 0, 10, 9]

COUNTED = {  # truth, tracks, (misses, false positives, switches, identity hits)
    "the pair before is kept though another fits better": (
        [frame(_1=BOX)] * 2, [frame(_7=BOX), frame(_7=HALF, _8=BOX)], (0, 1, 0, 2),
    ),
    "the better one is taken where nothing was before": ([frame(_1=BOX)], [frame(_7=HALF, _8=NEAR)], (0, 1, 0, 1)),
    "a pair that overlaps too little is let go": (
        [frame(_1=BOX)] * 2, [frame(_7=BOX), frame(_7=[0, 0, 10, 4], _8=NEAR)], (0, 1, 1, 1),
    ),
    "another track after a gap is a switch": (
        [frame(_1=BOX)] * 3, [frame(_7=BOX), frame(), frame(_8=BOX)], (1, 0, 1, 1),
    ),
    "the same track after a gap is none": (
        [frame(_1=BOX)] * 3, [frame(_7=BOX), frame(), frame(_7=BOX)], (1, 0, 0, 2),
    ),
    "two that change their tracks": (
        [frame(_1=BOX, _2=FAR)] * 4, [frame(_7=BOX, _8=FAR)] * 3 + [frame(_7=FAR, _8=BOX)], (0, 0, 2, 6),
    ),
    "an overlap of exactly a half": ([frame(_1=BOX)], [frame(_7=[0, 0, 10, 5])], (0, 0, 0, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTED)
def test_counted_by_hand(name):
    truth, told, expected = COUNTED[name]
    result = tracking_metrics(truth, told)
    assert (result.misses, result.false_positives, result.switches, result.identity_hits) == expected


def test_a_track_just_born_knows_its_box_and_not_its_motion():
    """The second frame by the textbook: variances of 10 for what was measured, of 10,000 for how it changes."""
    found = track_boxes([[[0, 0, 10, 10]], [[3, 1, 15, 19]]], iou_threshold=0.1)[1]
    F, H = np.eye(7) + np.eye(7, k=4), np.eye(4, 7)
    x, z = np.array([5, 5, 100, 1, 0, 0, 0.0]), np.array([9, 10, 216, 12 / 18])
    P = F @ np.diag([10, 10, 10, 10, 1e4, 1e4, 1e4]) @ F.T + np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001])
    K = P @ H.T @ np.linalg.inv(H @ P @ H.T + np.diag([1, 1, 10, 10]))
    *center, area, aspect = (x + K @ (z - x[:4]))[:4]
    half = np.sqrt([area * aspect, area / aspect]) / 2
    np.testing.assert_allclose(found["boxes"], [[*(center - half), *(center + half)]])


def test_birth_and_death():
    """Seen in frames 1 to 6, away for two, and back."""
    seen = [[BOX]] * 6 + [[]] * 2 + [[BOX]] * 3
    late = [[FAR]] * 4 + [[FAR, BOX]] * 5

    def told(frames, **options):
        return [found["ids"].tolist() for found in track_boxes(frames, **options)]

    assert told(seen, max_age=2, min_hits=0) == [[0]] * 6 + [[]] * 2 + [[0]] * 3
    assert told(seen, max_age=1, min_hits=0) == [[0]] * 6 + [[]] * 2 + [[1]] * 3
    assert told(seen, max_age=2, min_hits=2) == [[0]] * 6 + [[]] * 2 + [[]] + [[0]] * 2, "hits are in a row"
    shrunk = [[BOX], [[0, 0, 10, 5]]]
    assert [told(shrunk, iou_threshold=least) for least in (0.4, 0.6)] == [[[0], [0]], [[0], [1]]]
    assert told(late, min_hits=3) == [[0]] * 7 + [[0, 1]] * 2


def test_what_is_no_box_is_no_track():
    odd = [[0, 0, 0, 5], [np.nan, 0, 1, 1], [3, 3, 3, 3], [0, 0, np.inf, 9], [9, 8, 1, 2], [-1e200, 0, 1e200, 1e200]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for found in track_boxes([odd, [], odd[::-1], odd], min_hits=0):
            assert set(found["detections"].tolist()) <= {1, 4}
        assert found["boxes"].round().tolist() == [[1, 2, 9, 8]]
        assert [len(one["ids"]) for one in track_boxes([[], np.zeros((0, 4), np.float32)])] == [0, 0]
        assert track_boxes([]) == []
        nothing = tracking_metrics([], [])
    assert (nothing.objects, nothing.told, nothing.identity_hits) == (0, 0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Tracker(iou_threshold=2), "Tracker: iou_threshold must be from 0 to 1; got iou_threshold 2."),
        (lambda: Tracker().update(np.zeros((2, 3, 4))), r"axes \(n, 4\); got boxes \(2, 3, 4\)"),
        (lambda: tracking_metrics([], [frame()]), "one dict a frame each; got 0 and 1"),
        (
            lambda: tracking_metrics([{"boxes": []}], [frame()]),
            r"ground_truth\[0\] must have boxes and ids; it lacks ids",
        ),
        (lambda: tracking_metrics([frame()], [{"boxes": [BOX, FAR], "ids": [1, 1]}]), r"tracks\[0\] must have each"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_example_prints_its_numbers_and_writes_its_picture(tmp_path, capsys):
    root = Path(__file__).parents[1] / "docs"
    path = tmp_path / "tracking.gif"
    runpy.run_path(str(root / "examples" / "tracking.py"))["main"](["--out", str(path)])
    printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("picture")]
    assert len(printed) == 3
    assert "\n".join(printed) in (root / "tracking.md").read_text(encoding="utf-8")
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        assert picture.n_frames == 60
        assert np.asarray(picture.convert("L")).std() > 20
