"""YOLO: networks that give a grid of boxes and classes in one pass.

What they give is what `detection.yolo_v1_loss`, `yolo_v2_loss` and `yolo_v3_loss` take, and `yolo_v1_decode` and so on
turn into boxes: no activation at the end, since those make sigmoids and softmax themselves.
Source: Redmon et al., arXiv:1506.02640 (v1); Redmon & Farhadi, arXiv:1612.08242 (v2) and arXiv:1804.02767 (v3).
"""

from math import prod

from numpycnn.layers import (
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    Permute,
    Reshape,
    Tensor,
    UpSampling2D,
)
from numpycnn.models.darknet import conv_bias, conv_bn_leaky, darknet19_stages, darknet53_stages, leaky
from numpycnn.models.model import Model
from numpycnn.ops.arguments import fail

__all__ = ["yolo_small", "yolo_v1", "yolo_v2", "yolo_v2_tiny", "yolo_v3", "yolo_v3_tiny"]

V1 = [
    [(64, 7, 2)],
    [(192, 3, 1)],
    [(128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1)],
    [(256, 1, 1), (512, 3, 1)] * 4 + [(512, 1, 1), (1024, 3, 1)],
    [(512, 1, 1), (1024, 3, 1)] * 2 + [(1024, 3, 1), (1024, 3, 2), (1024, 3, 1), (1024, 3, 1)],
]
"""Figure 3 of the paper: filters, kernel size and stride; a pooling that halves the image between stages."""


def yolo_v1(classes: int = 20, input_shape=(448, 448, 3), *, grid=(7, 7), predictors: int = 2) -> Model:
    """The original YOLO: 24 convolutions and two dense layers (figure 3 of the paper).

    271,703,550 parameters, 205,524,992 of them in the first dense layer. Gives (7, 7, 30), as `yolo_v1_targets`.
    darknet's own files of v1 have batch normalization, and a locally connected layer in the place of the first dense
    one; the paper has neither.
    """
    inputs = x = Input(input_shape, name="input")
    for stage, convolutions in enumerate(V1, 1):
        for number, (filters, size, strides) in enumerate(convolutions, 1):
            name = f"conv{stage}_{number}"
            x = leaky(conv_bias(x, filters, size, strides=strides, name=name), name=f"{name}_leaky")
        x = MaxPooling2D(2, name=f"pool{stage}")(x) if stage < len(V1) else x
    x = Dense(4096, kernel_initializer="he_normal", name="fc1")(Flatten(name="flatten")(x))
    x = Dropout(0.5, name="fc1_dropout")(leaky(x, name="fc1_leaky"))
    shape = (*grid, 5 * predictors + classes)
    return Model(inputs, Reshape(shape, name="grid")(Dense(prod(shape), name="fc2")(x)), name="yolo_v1")


def yolo_v2(classes: int = 20, input_shape=(416, 416, 3), *, anchors: int = 5) -> Model:
    """YOLO v2: Darknet-19 without its last layer, and its finer maps of 26x26 brought to 13x13 beside the coarse ones.

    Gives (13, 13, anchors, 5 + classes), as `yolo_v2_targets`. 50,676,061 parameters; for 80 classes 50,983,561, as in
    yolov2.weights. Its finer maps go through a 1x1 convolution first, as in darknet and not in the paper. darknet lays
    the pixels of four neighbours behind each other in an order of its own, here it is that of tf.nn.space_to_depth.
    """
    inputs = Input(input_shape, name="input")
    *_, fine, coarse = darknet19_stages(inputs)
    for number in (1, 2):
        coarse = conv_bn_leaky(coarse, 1024, 3, name=f"head{number}")
    fine = space_to_depth(conv_bn_leaky(fine, 64, 1, name="passthrough"), name="passthrough")
    x = conv_bn_leaky(Concatenate(name="join")(fine, coarse), 1024, 3, name="head3")
    return Model(inputs, predictions(x, anchors, classes, name="grid"), name="yolo_v2")


def yolo_v2_tiny(classes: int = 20, input_shape=(416, 416, 3), *, anchors: int = 5) -> Model:
    """Tiny YOLO v2: eight convolutions of 3x3, with which the maps double as the image halves.

    15,867,885 parameters, as in tiny-yolo-voc. Gives (13, 13, anchors, 5 + classes), as `yolo_v2_targets`.
    """
    inputs = Input(input_shape, name="input")
    x = conv_bn_leaky(tiny_stages(inputs)[-1], 1024, 3, name="conv8")
    return Model(inputs, predictions(x, anchors, classes, name="grid"), name="yolo_v2_tiny")


def yolo_v3(classes: int = 80, input_shape=(416, 416, 3), *, anchors: int = 3) -> Model:
    """YOLO v3: Darknet-53, and on its three coarsest maps, each joined by what the coarser one saw, a grid of boxes.

    62,001,757 parameters, as in yolov3.weights. Gives three grids, 13x13, 26x26 and 52x52, each with anchors boxes of
    5 + classes, as `yolo_v3_targets`.
    """
    inputs = Input(input_shape, name="input")
    *_, fine, middle, x = darknet53_stages(inputs)
    outputs = []
    for scale, seen in enumerate((None, middle, fine), 1):
        filters, name = 1024 // 2**scale, f"scale{scale}"
        x = x if seen is None else upsampled(x, filters, seen, name=name)
        for number in range(1, 6):
            x = conv_bn_leaky(x, *((filters, 1) if number % 2 else (2 * filters, 3)), name=f"{name}_{number}")
        last = conv_bn_leaky(x, 2 * filters, 3, name=f"{name}_6")
        outputs.append(predictions(last, anchors, classes, name=f"{name}_grid"))
    return Model(inputs, outputs, name="yolo_v3")


def yolo_v3_tiny(classes: int = 80, input_shape=(416, 416, 3), *, anchors: int = 3) -> Model:
    """Tiny YOLO v3: the convolutions of `yolo_v2_tiny` with two grids, 13x13 and 26x26.

    8,858,734 parameters, as in yolov3-tiny.weights.
    """
    inputs = Input(input_shape, name="input")
    *_, fine, _, x = tiny_stages(inputs)
    x = conv_bn_leaky(x, 256, 1, name="scale1_1")
    coarse = conv_bn_leaky(x, 512, 3, name="scale1_2")
    x = conv_bn_leaky(upsampled(x, 128, fine, name="scale2"), 256, 3, name="scale2_1")
    scales = enumerate((coarse, x), 1)
    outputs = [predictions(maps, anchors, classes, name=f"scale{scale}_grid") for scale, maps in scales]
    return Model(inputs, outputs, name="yolo_v3_tiny")


def yolo_small(classes: int = 10, input_shape=(48, 48, 1), *, version: str = "v3", boxes: int = 2, filters=16) -> Model:
    """A YOLO to train in NumPy in a minute: four convolutions down to an eighth of the image, and a grid.

    version: "v1" gives (rows, columns, 5 * boxes + classes), "v2" and "v3" (rows, columns, boxes, 5 + classes): boxes
    are predictors or anchors. Batch normalization forgets within tens of steps, since there are only hundreds.
    """
    if version not in ("v1", "v2", "v3"):
        fail("yolo_small", "version must be one of v1, v2, v3", version=version)
    inputs = x = Input(input_shape, name="input")
    for number in range(1, 5):
        strides = 2 if number == 1 else 1
        x = MaxPooling2D(2, name=f"pool{number - 1}")(x) if number > 2 else x
        x = conv_bn_leaky(x, filters * 2 ** (number - 1), 3, strides=strides, momentum=0.9, name=f"conv{number}")
    if version == "v1":
        return Model(inputs, conv_bias(x, 5 * boxes + classes, 1, name="grid"), name="yolo_small")
    return Model(inputs, predictions(x, boxes, classes, name="grid"), name="yolo_small")


def predictions(x: Tensor, anchors: int, classes: int, *, name: str) -> Tensor:
    """A convolution of 1x1 whose maps are, anchor by anchor, tx, ty, tw, th, to and the classes."""
    x = conv_bias(x, anchors * (5 + classes), 1, name=f"{name}_conv")
    return Reshape((*x.shape[:2], anchors, 5 + classes), name=name)(x)


def upsampled(x: Tensor, filters: int, seen: Tensor, *, name: str) -> Tensor:
    """Coarse maps, made fewer and twice as large, before finer ones."""
    x = UpSampling2D(2, name=f"{name}_up")(conv_bn_leaky(x, filters, 1, name=f"{name}_narrow"))
    return Concatenate(name=f"{name}_join")(x, seen)


def space_to_depth(x: Tensor, *, name: str) -> Tensor:
    """Every 2x2 pixels as one with four times the channels."""
    rows, columns, channels = x.shape
    x = Reshape((rows // 2, 2, columns // 2, 2, channels), name=f"{name}_cells")(x)
    x = Permute((1, 3, 2, 4, 5), name=f"{name}_permute")(x)
    return Reshape((rows // 2, columns // 2, 4 * channels), name=f"{name}_depth")(x)


def tiny_stages(x: Tensor) -> list[Tensor]:
    """Seven convolutions of 16 .. 1024 filters; of six poolings between them the last keeps the size of the image."""
    stages = []
    for number in range(1, 8):
        if number > 1:
            x = MaxPooling2D(2, 1 if number == 7 else 2, "same", name=f"pool{number - 1}")(x)
        x = conv_bn_leaky(x, 8 * 2**number, 3, name=f"conv{number}")
        stages.append(x)
    return stages
