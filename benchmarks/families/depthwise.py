"""Depthwise convolution, forward and backward."""

from functools import partial

from benchmarks.families.convolution import Convolution
from benchmarks.libraries import onnx, tensorflow
from benchmarks.rows import Row, drawn


class Depthwise(Convolution):
    """A convolution with as many groups as channels; `filters` are as many as channels."""

    @property
    def name(self) -> str:
        return f"depthwise {self.kernel}x{self.kernel}, {'x'.join(map(str, self.image))}, N={self.batch}"

    def arrays(self, **how):
        """x, kernel (kh, kw, channels, 1), dy"""
        return drawn((self.batch, *self.image), (self.kernel, self.kernel, self.image[2], 1), self.output, **how)


def ours(case, dtype="float32", *, absolute=False):
    from numpycnn.ops import depthwise_conv2d

    x, kernel, _ = (abs(a) if absolute else a for a in case.arrays(dtype=dtype))
    return partial(depthwise_conv2d, x, kernel, padding="same")


def ours_backward(case, dtype="float32", *, absolute=False):
    from numpycnn.ops import depthwise_conv2d_backward

    x, kernel, dy = (abs(a) if absolute else a for a in case.arrays(dtype=dtype))
    return partial(depthwise_conv2d_backward, dy, x, kernel, padding="same")


def rows(case) -> list[Row]:
    forward = {"numpycnn": ours, "tensorflow": tensorflow.depthwise_conv2d, "onnx": onnx.depthwise_conv2d}
    backward = {"numpycnn": ours_backward, "tensorflow": tensorflow.depthwise_conv2d_backward}
    return [
        Row(
            name,
            {side: partial(prepare, case) for side, prepare in sides.items()},
            partial(mine, case, "float64"),
            partial(mine, case, "float64", absolute=True),
        )
        for name, sides, mine in (
            (case.name, forward, ours),
            (case.name.replace("depthwise", "depthwise backward"), backward, ours_backward),
        )
    ]


ROWS = [row for batch in (1, 8) for row in rows(Depthwise((56, 56, 128), 128, 3, 1, batch, 128))]
