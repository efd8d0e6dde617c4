"""Row 49 of the traps: two networks of one name. PyTorch's column is a version of ours."""

import keras

from numpycnn import count, models
from numpycnn.layers import Conv2D

STAGES = (3, 4, 5)


def test_row_49_resnet50_is_two_networks():
    """Keras: 25,636,712, conv biases, stride on the first 1x1; PyTorch: 25,557,032, no biases, stride on the 3x3."""
    keras_form, torch_form = models.resnet50(), models.resnet50(version="v1.5")
    application = keras.applications.ResNet50(weights=None, classes=10, input_shape=(32, 32, 3))
    top = 990 * (2048 + 1)  # what 1000 classes take more than 10
    assert count(keras_form).params.total == application.count_params() + top == 25_636_712
    assert count(torch_form).params.trainable == 25_557_032
    for model, place, biases in ((keras_form, 1, True), (torch_form, 2, False)):
        convolutions = {model.names[layer]: layer for layer in model.layers if isinstance(layer, Conv2D)}
        strided = {name for name, layer in convolutions.items() if layer.strides == 2}
        starts = [f"conv{stage}_1_{part}_conv" for stage in STAGES for part in (place, "skip")]
        assert strided == {"conv1_conv", *starts}
        assert {layer.use_bias for layer in convolutions.values()} == {biases}
    theirs = [layer for layer in application.layers if getattr(layer, "strides", None) == (2, 2)]
    names = {layer.name for layer in theirs if isinstance(layer, keras.layers.Conv2D)}
    assert names == {"conv1_conv", *(f"conv{stage}_block1_{part}_conv" for stage in STAGES for part in (0, 1))}
    assert {layer.use_bias for layer in application.layers if isinstance(layer, keras.layers.Conv2D)} == {True}
