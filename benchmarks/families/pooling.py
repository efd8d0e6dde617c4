"""Max and average pooling, forward and backward."""

from functools import partial
from typing import NamedTuple

from benchmarks.libraries import mygrad, numpy_ml, onnx, tensorflow
from benchmarks.rows import Row, drawn


class Pooling(NamedTuple):
    """One shape; padding is "same"."""

    kind: str
    kernel: int
    strides: int
    image: tuple[int, int, int] = (112, 112, 64)
    batch: int = 8

    @property
    def name(self) -> str:
        shape = "x".join(map(str, (self.batch, *self.image)))
        return f"{self.kernel}x{self.kernel}/{self.strides}, {shape}"

    def inputs(self, **how):
        return drawn((self.batch, *self.image), **how)

    def arrays(self, **how):
        """x, dy"""
        height, width, channels = self.image
        output = (self.batch, -(-height // self.strides), -(-width // self.strides), channels)
        return drawn((self.batch, *self.image), output, **how)


def ours(case: Pooling, dtype="float32", *, absolute=False):
    from numpycnn import ops

    op = {"max": ops.max_pool2d, "avg": ops.avg_pool2d}[case.kind]
    x = case.inputs(dtype=dtype)[0]
    return partial(op, abs(x) if absolute else x, case.kernel, strides=case.strides, padding="same")


def ours_backward(case: Pooling, dtype="float32", *, absolute=False):
    from numpycnn import ops

    op = {"max": ops.max_pool2d_backward, "avg": ops.avg_pool2d_backward}[case.kind]
    x, dy = case.arrays(dtype=dtype)
    return partial(op, abs(dy) if absolute else dy, x, case.kernel, strides=case.strides, padding="same")


def rows(case: Pooling) -> list[Row]:
    forward = {"numpycnn": ours, "tensorflow": tensorflow.pool2d, "numpy-ml": numpy_ml.pool2d, "onnx": onnx.pool2d}
    backward = {"numpycnn": ours_backward, "tensorflow": tensorflow.pool2d_backward}
    if case.kind == "max" and case.kernel == case.strides:  # MyGrad pools by the largest alone and does not pad
        forward["mygrad"], backward["mygrad"] = mygrad.max_pool2d, mygrad.max_pool2d_backward
    return [
        Row(
            f"{case.kind}-pool {which}{case.name}",
            {side: partial(prepare, case) for side, prepare in sides.items()},
            partial(mine, case, "float64"),
            partial(mine, case, "float64", absolute=True),
        )
        for which, sides, mine in (("", forward, ours), ("backward ", backward, ours_backward))
    ]


ROWS = [row for case in (Pooling("max", 3, 2), Pooling("max", 2, 2), Pooling("avg", 2, 2)) for row in rows(case)]
