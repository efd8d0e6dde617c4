"""onnx's reference evaluator: a model of one node, channels first, forward alone."""

from functools import partial

import numpy as np

from benchmarks.libraries.padding import channels_first, channels_last, filters_first, same_pads
from benchmarks.rows import Call


def node(operator: str, outputs: int, *arrays: np.ndarray, images: bool = True, **attributes) -> Call:
    """One operator over these arrays as a call; images: whether what it gives is to be put channels last."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    names, made = [f"x{i}" for i in range(len(arrays))], [f"y{i}" for i in range(outputs)]
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in zip(names, arrays, strict=True)
    ]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made]
    graph = helper.make_graph([helper.make_node(operator, names, made, **attributes)], "row", inputs, results)
    session = ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)]))
    arranged = (lambda found: [channels_last(found[0])]) if images else (lambda found: found)
    return Call(partial(session.run, None, dict(zip(names, arrays, strict=True))), arrays=arranged)


def conv2d(case):
    x, kernel, _ = case.arrays()
    (top, bottom), (left, right) = same_pads(case)
    return node(
        "Conv", 1, channels_first(x), filters_first(kernel), group=case.groups,
        strides=[case.strides] * 2, pads=[top, left, bottom, right],
    )  # fmt: skip


def depthwise_conv2d(case):
    x, kernel, _ = case.arrays()
    (top, bottom), (left, right) = same_pads(case)
    filters = np.ascontiguousarray(kernel.transpose(2, 3, 0, 1))  # (channels, 1, kh, kw): each channel is a group
    return node(
        "Conv", 1, channels_first(x), filters, group=case.image[2], strides=[case.strides] * 2,
        pads=[top, left, bottom, right],
    )  # fmt: skip


def pool2d(case):
    (x,) = case.inputs()
    (top, bottom), (left, right) = same_pads(case)
    operator = {"max": "MaxPool", "avg": "AveragePool"}[case.kind]
    return node(
        operator, 1, channels_first(x), kernel_shape=[case.kernel] * 2, strides=[case.strides] * 2,
        pads=[top, left, bottom, right],
    )  # fmt: skip


def suppression(boxes, scores, size):
    """The indices that NonMaxSuppression keeps; it gives rows of (batch, class, index)."""
    call = node(
        "NonMaxSuppression", 1, boxes[None], scores[None, None], np.array([size]), np.float32([0.5]), images=False
    )  # fmt: skip
    return call._replace(arrays=lambda found: found[0][:, 2])
