"""The range of pixels that each family of networks takes, against its own preprocess_input."""

from types import ModuleType

import keras
import numpy as np
import pytest

from numpycnn.data import FAMILIES, preprocess

MODES = {family: mode for mode, families in FAMILIES.items() for family in families}


def test_every_family_of_keras_has_its_mode():
    known = {
        name
        for name, module in vars(keras.applications).items()
        if isinstance(module, ModuleType) and hasattr(module, "preprocess_input") and name != "imagenet_utils"
    }
    assert known == set(MODES)


@pytest.mark.parametrize("family", MODES)
def test_each_family_takes_what_its_mode_gives(family):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3)).astype(np.float32)
    expected = getattr(keras.applications, family).preprocess_input(pixels.copy())
    np.testing.assert_allclose(preprocess(pixels / 255, MODES[family]), expected, rtol=1e-5, atol=1e-4)
