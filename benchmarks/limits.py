"""What the slower rows of the table are made of, and what was tried in their place: milliseconds, the least of turns.

python -m benchmarks.limits [--repeats 20] [--json limits.json]
"""

import cProfile
import mmap
import os
import pstats
import time
from collections.abc import Callable, Iterator
from functools import partial
from unittest import mock

import numpy as np

from benchmarks.families import networks
from benchmarks.own_process import command
from benchmarks.rows import drawn
from numpycnn.ops import conv2d, correlation, depthwise_conv2d, small_groups, threads
from numpycnn.ops.windows import sliding_window

SAME = {"padding": "same"}


def timed(run: Callable) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def within(function: str, run: Callable) -> float:
    """The seconds of a run that are spent in a function of numpycnn, what it calls included."""
    profile = cProfile.Profile()
    profile.runcall(run)
    stats = pstats.Stats(profile).stats  # pyright: ignore[reportAttributeAccessIssue]
    return sum(cumulative for (_, _, name), (_, _, _, cumulative, _) in stats.items() if name == function)


def by_hands(count: int, run: Callable) -> float:
    with mock.patch.dict(os.environ, {threads.VARIABLES[0]: str(count)}):
        return timed(run)


def copies() -> Iterator[tuple[str, Callable[[], float]]]:
    for images in (2, 4, 8):
        (x,) = drawn((images, 112, 112, 64))
        yield f"copy {x.nbytes / 1e6:.1f} MB", partial(timed, partial(np.copyto, np.empty_like(x), x))
    size, kept = 900 * mmap.PAGESIZE, np.zeros(900 * mmap.PAGESIZE, np.uint8)
    yield "900 pages filled: kept", partial(timed, partial(kept.fill, 1))
    yield "900 pages filled: new", partial(timed, lambda: np.frombuffer(mmap.mmap(-1, size), np.uint8).fill(1))


def depthwise() -> Iterator[tuple[str, Callable[[], float]]]:
    x, kernel = drawn((8, 56, 56, 128), (3, 3, 128, 1))
    for count in (1, 2):
        for name, run in (("einsum", depthwise_conv2d), ("multiplied and added", multiplied_and_added)):
            yield (
                f"depthwise 3x3, 56x56x128, N=8: {name}, threads: {count}",
                partial(by_hands, count, partial(run, x, kernel, **SAME)),
            )


def multiplied_and_added(x, kernel, padding):
    """Seven rows at a time, which stay in the cache: a multiplication for each tap, and an addition."""
    assert padding == "same"
    images, height, width, channels = x.shape
    y, row, step = np.empty_like(x), width * channels, 7
    repeated = np.tile(kernel[..., 0], (1, 1, width))

    def piece(place):
        image, top = place
        slab = np.zeros((step + 2, row + 2 * channels), x.dtype)
        first, last = max(0, top - 1), min(height, top + step + 1)
        slab[first - top + 1 : last - top + 1, channels:-channels] = x[image, first:last].reshape(last - first, row)
        total, product = y[image, top : top + step].reshape(step, row), np.empty((step, row), x.dtype)
        for a, b in np.ndindex(3, 3):
            seen = slab[a : a + step, b * channels : b * channels + row]
            np.multiply(seen, repeated[a, b], out=product if a + b else total)
            if a + b:
                np.add(total, product, out=total)

    threads.each(piece, [(image, top) for image in range(images) for top in range(0, height, step)], 2 * x.nbytes)
    return y


def convolution() -> Iterator[tuple[str, Callable[[], float]]]:
    x, kernel, y = drawn((8, 56, 56, 64), (3, 3, 64, 64), (8, 56, 56, 64))
    window = sliding_window("limits", (56, 56), (3, 3), padding="same")
    for way in (correlation.columns, correlation.pixel_by_pixel):
        yield f"conv 3x3, 56x56x64 -> 64, N=8: {way.__name__}", partial(timed, partial(way, x, kernel, window, 1, y))
    dy, kernel = drawn((1, 7, 7, 512), (3, 3, 512, 512))
    window = sliding_window("limits", (7, 7), (3, 3), padding="same")
    for way in (correlation.gather, correlation.tap_by_tap):
        name = f"conv backward 3x3, 7x7x512 -> 512, N=1, by the images: {way.__name__}"
        yield name, partial(timed, partial(way, dy, kernel, window, 1))


def groups() -> Iterator[tuple[str, Callable[[], float]]]:
    """Products of 36 terms were what all windows as columns took; those of 12 are added up."""
    x, kernel, first = drawn((8, 56, 56, 128), (3, 3, 4, 128), (8, 128, 56, 56))
    name, pixels = "conv 3x3, 56x56x128 -> 128, 32 groups, N=8", np.moveaxis(first, 1, 3)
    yield f"{name}: all", partial(timed, partial(conv2d, x, kernel, groups=32, **SAME))
    yield f"{name}: to channels first in tiles", partial(timed, partial(small_groups._swap, x, pixels))
    yield f"{name}: to channels first in one piece", partial(timed, partial(np.copyto, pixels, x))
    yield f"{name}: back in tiles", partial(timed, partial(small_groups._swap, pixels, x.copy()))
    for terms in (36, 12):
        matrices, columns, products = drawn((32, 4, terms), (32, terms, 3136), (32, 4, 3136))
        one = partial(np.matmul, matrices, columns, out=products)
        yield (
            f"{name}: products of {terms} terms",
            partial(timed, lambda one=one, n=8 * 36 // terms: [one() for _ in range(n)]),
        )


def whole_networks() -> Iterator[tuple[str, Callable[[], float]]]:
    for name, network, batch in (
        ("Fashion-MNIST network", "fashion_mnist", 32),
        ("ResNet-34", "resnet34", 1),
        ("ResNet-34", "resnet34", 8),
    ):
        run = networks.ours(network, batch)
        yield f"{name}, forward, N={batch}", partial(timed, run)
        yield f"{name}, forward, N={batch}: convolutions", partial(within, "correlate", run)
        if batch == 1:
            kernels = [w for w in networks.built(network).get_weights() if w.ndim == 4]
            yield (
                "ResNet-34: its kernels times a number each filter",
                partial(timed, lambda k=kernels: [w * w[0, 0, 0] for w in k]),
            )


def pooling() -> Iterator[tuple[str, Callable[[], float]]]:
    try:
        import tensorflow as tf
    except ImportError:
        return
    x, dy = map(tf.constant, drawn((8, 112, 112, 64), (8, 56, 56, 64)))
    how = {"ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
    y = tf.nn.max_pool2d(x, 3, 2, "SAME")
    run = partial(tf.raw_ops.MaxPoolGrad, orig_input=x, orig_output=y, grad=dy, **how)
    yield "max-pool backward 3x3/2, 8x112x112x64: tf.raw_ops.MaxPoolGrad", partial(timed, run)


PARTS = (copies, depthwise, convolution, groups, whole_networks, pooling)


def measured(repeats: int) -> list[dict]:
    """One record a row, {"row": name, "min": seconds}; the rows of a part in turns."""
    found = []
    for part in PARTS:
        rows = dict(part())
        seconds = {name: [] for name in rows}
        for _ in range(repeats):
            for name, run in rows.items():
                seconds[name].append(run())
        found += [{"row": name, "min": min(each)} for name, each in seconds.items()]
    return found


def line(record: dict) -> str:
    """One row of the table in Markdown."""
    return f"| {record['row']} | {1e3 * record['min']:.3g} |"


if __name__ == "__main__":
    command(__doc__, measured, line)
