"""The small network as somebody might have written it for other hardware, channels first, with three mistakes.

`python docs/examples/recorded_elsewhere.py recorded.npz` runs it on random images and records what every layer gave;
`numpycnn verify docs/examples/small_network.py:model --dump recorded.npz` finds all three.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from small_network import model


def conv2d(x, weight, bias, stride, padding):
    """Loops over taps, as PyTorch counts: x (N, C, H, W), weight (O, C, kh, kw), padding on both sides."""
    x = np.pad(x, ((0, 0), (0, 0), padding, padding))
    kh, kw = weight.shape[2:]
    height, width = ((size - k) // stride + 1 for size, k in zip(x.shape[2:], (kh, kw), strict=True))
    y = np.zeros((len(x), len(weight), height, width), np.float32)
    for a in range(kh):
        for b in range(kw):
            seen = x[:, :, a : a + stride * height : stride, b : b + stride * width : stride]
            y += np.einsum("nchw,oc->nohw", seen[:, :, :height, :width], weight[:, :, a, b])
    return y + bias[:, None, None]


def batch_norm(x, gamma, beta, mean, variance, *, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]


def run(image, network=model, *, centred=True, epsilon=1e-5, flipped=True):
    """What every layer gives, by its name. Each default is a mistake; False, 1e-3 and False are right."""
    w = {name: variable.value for name, variable in network.variables.items()}
    seen = {"image": image.transpose(0, 3, 1, 2)}
    first = w["conv1/kernel"].transpose(3, 2, 0, 1)
    seen["conv1"] = conv2d(seen["image"], first, w["conv1/bias"], 2, (1, 1) if centred else (0, 1))
    norm = [w[f"norm1/{name}"] for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    seen["norm1"] = batch_norm(seen["conv1"], *norm, epsilon=epsilon)
    seen["relu1"] = np.maximum(seen["norm1"], 0)
    second = w["conv2/kernel"].transpose(3, 2, 0, 1)
    if flipped:
        second = second[:, :, ::-1, ::-1]
    seen["conv2"] = conv2d(seen["relu1"], second, w["conv2/bias"], 1, (1, 1))
    seen["relu2"] = np.maximum(seen["conv2"], 0)
    seen["pool"] = seen["relu2"].mean(axis=(2, 3))
    seen["classes"] = seen["pool"] @ w["classes/kernel"] + w["classes/bias"]
    return seen


if __name__ == "__main__":
    recorded: dict = run(np.random.default_rng(0).random((2, 12, 10, 3), np.float32))
    np.savez(sys.argv[1], **recorded)
