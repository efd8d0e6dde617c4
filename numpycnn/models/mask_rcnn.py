"""The head of Mask R-CNN that draws the masks. He et al., arXiv:1703.06870, figure 4, right."""

from numpycnn.layers import Conv2D, Conv2DTranspose, Input
from numpycnn.models.model import Model

__all__ = ["mask_rcnn_head"]


def mask_rcnn_head(classes: int = 80, input_shape=(14, 14, 256)) -> Model:
    """Four convolutions of 3x3, a transposed one that doubles the size, and a mask for each class, from 0 to 1.

    2,643,280 parameters. The batch is one of regions: what `segmentation.roi_align` gives of the features of each box,
    14x14, becomes masks of 28x28; of a region that of its own class counts, which `segmentation.crop_and_resize` or
    `ops.resize` brings to the size of the box.
    """
    inputs = x = Input(input_shape, name="input")
    for number in range(1, 5):
        x = Conv2D(
            256, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=f"mask_conv{number}"
        )(x)
    x = Conv2DTranspose(256, 2, 2, activation="relu", kernel_initializer="he_normal", name="mask_deconv")(x)
    return Model(inputs, Conv2D(classes, 1, activation="sigmoid", name="masks")(x), name="mask_rcnn_head")
