"""Threads: every piece once, errors, nothing nested, and the same bits however many there are."""

import os
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numpycnn import ops
from numpycnn.ops import conv2d, conv2d_backward, depthwise_passes, threads
from numpycnn.ops.scratch import KEPT_BYTES, scratch

HUGE = 2**40


@pytest.fixture(params=["1", "2", "4"])
def hands(request, monkeypatch):
    monkeypatch.setenv("NUMPYCNN_THREADS", request.param)
    return int(request.param)


def test_every_piece_is_done_once(hands):
    done, names = np.zeros(300, int), set()

    def work(k):
        time.sleep(0.0005)
        done[k] += 1
        names.add(threading.get_ident())

    threads.each(work, range(300), HUGE)
    assert (done == 1).all()
    assert len(names) == hands


def test_little_work_and_work_within_a_piece_stay_in_their_thread(monkeypatch):
    monkeypatch.setenv("NUMPYCNN_THREADS", "4")
    names: list = []
    threads.each(lambda k: names.append(threading.get_ident()), range(50), threads.LEAST_BYTES - 1)
    assert set(names) == {threading.get_ident()}
    inner: dict = {}

    def outer(k):
        inner[k] = [], threading.get_ident()
        threads.each(lambda j: inner[k][0].append(threading.get_ident()), range(20), HUGE)

    threads.each(outer, range(6), HUGE)
    assert all(len(names) == 20 and set(names) == {own} for names, own in inner.values())


def test_an_error_of_a_piece_is_raised_after_all_have_ended(hands):
    running = []

    def work(k):
        running.append(k)
        time.sleep(0.002)
        if k == 3:
            raise ZeroDivisionError(k)
        running.remove(k)

    with pytest.raises(ZeroDivisionError):
        threads.each(work, range(1000), HUGE)
    assert running == [3]
    threads.each(running.append, [7], HUGE)
    assert running == [3, 7]


def test_how_numpy_treats_errors_goes_along(hands):
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.each(lambda k: np.ones(3) / np.zeros(3), range(8), HUGE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_makes_threads_of_its_own(monkeypatch):
    monkeypatch.setenv("NUMPYCNN_THREADS", "2")
    threads.each(time.sleep, [0.001] * 4, HUGE)
    child = os.fork()
    if child == 0:
        threads.each(time.sleep, [0.001] * 4, HUGE)
        os._exit(0)
    for _ in range(1000):
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return
        time.sleep(0.01)
    os.kill(child, 9)
    pytest.fail("the forked process waits for threads that it does not have")


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"NUMPYCNN_THREADS": "3", "OMP_NUM_THREADS": "1"}, 3),
        ({"OMP_NUM_THREADS": "2,1"}, 2),
        ({"NUMPYCNN_THREADS": "0"}, 1),
        ({"NUMPYCNN_THREADS": "99"}, threads.MOST),
        ({"NUMPYCNN_THREADS": "many", "OMP_NUM_THREADS": ""}, min(threads.MOST, threads.cores())),
    ],
)
def test_how_many(settings, count, monkeypatch):
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert threads.hands() == count


def test_slices_cover_all_in_pieces_of_about_one_size():
    for length, bytes_each in ((0, 8), (1, 1), (10, threads.PIECE_BYTES), (1000, 7000), (3, HUGE)):
        pieces = threads.slices(length, bytes_each)
        assert [i for piece in pieces for i in range(length)[piece]] == list(range(length))
        sizes = [piece.stop - piece.start for piece in pieces]
        assert all(size * bytes_each <= threads.PIECE_BYTES or size == 1 for size in sizes)


def calls():
    """Each op that is shared out."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 53, 46, 24), np.float32)
    dy = rng.standard_normal(x.shape, np.float32)
    half = rng.standard_normal((7, 27, 23, 24), np.float32)
    kernel, in_groups = rng.standard_normal((3, 2, 24, 1), np.float32), rng.standard_normal((3, 2, 3, 24), np.float32)
    gamma, beta = rng.standard_normal((2, 24), np.float32)
    pool = {"strides": 2, "padding": "same"}
    return {
        "max_pool2d": lambda: ops.max_pool2d(x, 3, **pool),
        "max_pool2d_backward": lambda: ops.max_pool2d_backward(half, x, 3, **pool),
        "max_pool2d_backward of many windows": lambda: ops.max_pool2d_backward(dy, x, 3, strides=1, padding="same"),
        "avg_pool2d_backward of many windows": lambda: ops.avg_pool2d_backward(dy, x, 3, strides=1, padding="same"),
        "avg_pool2d": lambda: ops.avg_pool2d(x, 3, **pool),
        "avg_pool2d_backward": lambda: ops.avg_pool2d_backward(half, x, 3, **pool),
        "global_avg_pool2d": lambda: ops.global_avg_pool2d(x),
        "global_max_pool2d": lambda: ops.global_max_pool2d(x),
        "local_response_normalization": lambda: ops.local_response_normalization(x, beta=0.75),
        "local_response_normalization_backward": lambda: ops.local_response_normalization_backward(dy, x),
        "batch_normalization": lambda: ops.batch_normalization(x, gamma, gamma**2, gamma=gamma, beta=beta),
        "batch_normalization_backward": lambda: ops.batch_normalization_backward(dy, x, beta, gamma**2, gamma=gamma),
        "batch_normalization_train": lambda: ops.batch_normalization_train(x, gamma=gamma, beta=beta),
        "batch_normalization_train_backward": lambda: ops.batch_normalization_train_backward(dy, x, gamma=gamma),
        "depthwise_conv2d": lambda: ops.depthwise_conv2d(x, kernel, beta, padding="same"),
        "depthwise_conv2d_backward": lambda: ops.depthwise_conv2d_backward(dy, x, kernel, padding="same"),
        "depthwise gradients side by side": lambda: ops.depthwise_conv2d_backward(dy, x, kernel, padding="same"),
        "conv2d in groups": lambda: conv2d(x, in_groups, beta, padding="same", groups=8),
        "conv2d_backward in groups": lambda: conv2d_backward(dy, x, in_groups, padding="same", groups=8),
        "softmax": lambda: ops.softmax(x),
        "softmax_backward": lambda: ops.softmax_backward(dy, x),
        "sigmoid": lambda: ops.sigmoid(x),
        "gelu_backward": lambda: ops.gelu_backward(dy, x),
    }


@pytest.mark.parametrize("name", calls())
def test_the_number_of_threads_changes_no_bit(name, monkeypatch):
    """Of many pieces, all shared out."""
    monkeypatch.setattr(threads, "PIECE_BYTES", 2**17)
    monkeypatch.setattr(threads, "LEAST_BYTES", 0)
    monkeypatch.setattr(depthwise_passes, "LEAST_BYTES", HUGE if name.endswith("side by side") else 0)
    call, found = calls()[name], []
    for count in ("1", "2", "4", "4"):
        monkeypatch.setenv("NUMPYCNN_THREADS", count)
        result = call()
        found.append([array.tobytes() for array in (result if isinstance(result, tuple) else (result,))])
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("size", [2, 3])
def test_a_pooling_takes_its_output_and_four_megabytes(size, hands):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((4, 112, 112, 64), np.float32), rng.standard_normal((4, 56, 56, 64), np.float32)
    how = {"pool_size": size, "strides": 2, "padding": "same"}
    for call in (
        lambda: ops.max_pool2d(x, **how),
        lambda: ops.avg_pool2d(x, **how),
        lambda: ops.max_pool2d_backward(dy, x, **how),
        lambda: ops.avg_pool2d_backward(dy, x, **how),
    ):
        tracemalloc.start()
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < result.nbytes + 4e6


@pytest.mark.parametrize(
    ("images", "kernel_size", "groups", "filters"),
    [
        ((4, 57, 56), (3, 5), 32, 160),
        ((4, 57, 56), (3, 5), 4, 96),
        ((2, 1, 20_000), (11, 5), 32, 160),
        ((7, 400, 9), (150, 2), 32, 160),
    ],
)
def test_a_convolution_in_groups_takes_its_output_and_sixteen_megabytes(images, kernel_size, groups, filters):
    """Of large images, of one that is a single row, and with a kernel that is taller than what is made at a time."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((*images, channels), np.float32) for channels in (128, filters))
    kernel = rng.standard_normal((*kernel_size, 128 // groups, filters), np.float32)
    for call in (
        lambda: (conv2d(x, kernel, padding="same", groups=groups),),
        lambda: conv2d_backward(dy, x, kernel, padding="same", groups=groups),
    ):
        with ThreadPoolExecutor(1) as fresh:  # a thread that keeps nothing from earlier calls
            tracemalloc.start()
            results = fresh.submit(call).result()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < sum(result.nbytes for result in results) + 16e6


def test_convolutions_in_threads_of_ones_own_do_not_meet():
    """What an op keeps from call to call (ops/scratch.py) is kept by each thread, and no result lies in it."""
    rng = np.random.default_rng(9)
    kernel = rng.integers(-4, 5, (3, 3, 16, 24)).astype(np.float32)
    images = rng.integers(-4, 5, (8, 2, 40, 41, 16)).astype(np.float32)

    def both(x):
        y = conv2d(x, kernel, padding="same")
        return y, *conv2d_backward(y, x, kernel, padding="same")

    alone = [[a.copy() for a in both(x)] for x in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(both, images))
    for found, expected in zip(together, alone, strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_only_so_much_is_kept():
    def shared(size):
        return np.shares_memory(scratch("test", (size,), np.uint8), scratch("test", (size - 1,), np.uint8))

    assert shared(KEPT_BYTES)
    assert not shared(KEPT_BYTES + 2)
