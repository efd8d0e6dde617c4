"""Files that cannot be a model: each is refused with one error that says what is wrong and where."""

import io
import json
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

import numpycnn
from reference_tests.fuzz_model_files import run
from reference_tests.library.damage import CONFIG, FILES, WEIGHTS, small_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    small_model().save(path := tmp_path_factory.mktemp("saved") / "small.keras")
    return path.read_bytes()


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents if isinstance(contents, list) else contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return path


def refused(path, words):
    with pytest.raises(numpycnn.ModelFileError, match=words) as caught:
        numpycnn.load_model(path)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).startswith(path.name)


# The configuration.


def layer(config, name):
    return next(one for one in config["config"]["layers"] if one["name"] == name)


def set_argument(name, **arguments):
    return lambda config: layer(config, name)["config"].update(arguments)


def replace_layer(called, class_name, **others):
    return lambda config: layer(config, called).update(class_name=class_name, **others)


def read(name, *history):
    """Let a layer read something else: [layer, call, output]."""

    def change(config):
        argument = layer(config, name)["inbound_nodes"][0]["args"][0]
        argument["config"]["keras_history"] = list(history)

    return change


def deeper(config):
    inner = layer(config, "inner")
    for _ in range(20):
        wrapped = json.loads(json.dumps(inner))
        inner["config"] = {"name": "inner", "layers": [inner["config"]["layers"][0], wrapped]}


CONFIGS = {
    "lambda": (
        replace_layer("conv2d", "Lambda"),
        "layer 'conv2d': a Lambda holds a Python function, which is never run",
    ),
    "tfsm": (replace_layer("conv2d", "TFSMLayer"), "layer 'conv2d': a TFSMLayer holds a TensorFlow graph"),
    "unknown": (
        replace_layer("conv2d", "Swin"),
        r"no layer of class 'Swin'; .* load_model\(path, layers=\{'Swin': ...\}",
    ),
    "foreign": (
        replace_layer("dense", "Dense", module="mine.layers", registered_name="mine>Dense"),
        "class 'mine>Dense'",
    ),
    "module": (replace_layer("dense", "system", module="os", registered_name=None), "no layer of class 'os.system'"),
    "function": (set_argument("conv2d", activation={"class_name": "function", "config": "f"}), "got a function object"),
    "activation": (set_argument("conv2d", activation="rely"), "layer 'conv2d': Conv2D: activation must be one of"),
    "initializer": (set_argument("dense", kernel_initializer={"class_name": "Mine"}), "initializer must be one of"),
    "object": (
        set_argument("conv2d", strides={"class_name": "Mine", "config": {}}),
        "object where a value was expected",
    ),
    "argument": (
        set_argument("conv2d", mystery=3),
        "Conv2D takes no mystery other than Keras's default; got mystery 3",
    ),
    "bool": (set_argument("conv2d", use_bias="no"), "use_bias must be true or false; got 'no'"),
    "format": (set_argument("conv2d", data_format="first"), "data_format must be channels_last or channels_first"),
    "dtype": (set_argument("conv2d", dtype="int8"), "layer 'conv2d': dtype must be one of float16,.*got 'int8'"),
    "huge": (set_argument("dense", units=2**40), r"/layers/dense/vars/0: the shape must be \(48, 1099511627776\)"),
    "kernel": (
        set_argument("conv2d", kernel_size=[2**40, 1], padding="valid"),
        "the kernel must fit the padded height",
    ),
    "negative": (set_argument("conv2d", filters=-3), "Conv2D: filters must be at least 1; got filters -3"),
    "name": (replace_layer("conv2d", "Conv2D", name="dense"), "every layer must have a name of its own; got 'dense'"),
    "dangling": (read("dense", "nothing", 0, 0), "a layer reads 'nothing', which is not there"),
    "call": (read("dense", "flatten", 3, 0), "a layer reads call 3 of 'flatten', which has 1"),
    "output": (read("dense", "flatten", 0, 2), "a layer reads output 2 of 'flatten', which has 1"),
    "circle": (read("max_pooling2d", "dense", 0, 0), "must not read each other in a circle"),
    "inputs": (lambda c: c["config"].update(input_layers=[]), "a model must list its inputs and outputs"),
    "no layers": (lambda c: c["config"].pop("layers"), "a configuration must have layers; got None"),
    "subclass": (
        lambda c: c.update(class_name="MyModel"),
        "a model must be Functional, Model, Sequential; got class 'MyM",
    ),
    "training": (
        lambda c: layer(c, "dense")["inbound_nodes"][0].update(kwargs={"training": True}),
        "a call may be told training=False alone; got training=True",
    ),
    "deep models": (deeper, "models may lie within each other 16 deep"),
    "shape": (
        set_argument("input_layer", batch_shape=[None, 9, 0, 3]),
        "every size of shape must be a positive integer",
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configurations(case, saved, tmp_path):
    change, words = CONFIGS[case]
    contents = members(saved)
    config = json.loads(contents[CONFIG])
    change(config)
    refused(written(tmp_path / "m.keras", {**contents, CONFIG: json.dumps(config)}), words)


def test_models_within_models_may_not_come_to_more_calls_than_can_be_run(saved, tmp_path):
    """Ten models, each calling the one within a hundred times: a small file that stands for 10^20 layers."""

    def many(inner, depth):
        start = {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}, "name": "x", "inbound_nodes": []}
        own = {"class_name": inner["class_name"], "config": inner["config"], "name": "inner"}
        histories = [["x", 0, 0], *(["inner", call, 0] for call in range(99))]
        tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": h}} for h in histories]
        calls = [{"args": [tensor], "kwargs": {}} for tensor in tensors]
        layers = [start, {**own, "inbound_nodes": calls}]
        config = {"name": f"m{depth}", "layers": layers, "input_layers": ["x", 0, 0], "output_layers": ["inner", 99, 0]}
        return {"class_name": "Functional", "config": config}

    model = {"class_name": "ReLU", "config": {}}
    for depth in range(10):
        model = many(model, depth)
        if depth:
            model["config"]["output_layers"][1] = 100
    contents = {**members(saved), CONFIG: json.dumps(model)}
    refused(written(tmp_path / "m.keras", contents), "a model may come to 200,000 calls of layers")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the configuration must be JSON"),
        (b"{", "the configuration must be JSON"),
        (b"\xff\xfe", "the configuration must be JSON"),
        (b"[]", "a configuration must have class_name"),
        (b"[" * 1000 + b"]" * 1000, "lists and objects may lie within each other 200 deep"),
        (b'{"a":' * 100_000, "lists and objects may lie within each other 200 deep"),
        (b'{"a": NaN}', "every number must be finite; got NaN"),
        (b'{"a": -Infinity}', "every number must be finite; got -Infinity"),
        (b'{"a": 1e999}', "every number must be finite; got 1e999"),
        (b" " * (2**23 + 1), "the configuration may have 8,388,608 bytes; it has 8,388,609"),
    ],
)
def test_texts(text, words, saved, tmp_path):
    refused(written(tmp_path / "m.keras", {**members(saved), CONFIG: text}), words)


# The archive.


def test_archives(saved, tmp_path):
    path, contents = tmp_path / "m.keras", members(saved)
    for missing in (CONFIG, WEIGHTS):
        rest = {name: content for name, content in contents.items() if name != missing}
        refused(written(path, rest), f"the archive must have a member {missing}; it has")
    for name in ("../x", "/etc/x", "a/../../x", "C:x", "a\\x"):
        refused(written(path, {**contents, name: b""}), "the names of members must stay within the archive; got")
    with pytest.warns(UserWarning, match="Duplicate name"):
        written(path, [*contents.items(), (CONFIG, contents[CONFIG])])
    refused(path, "every member must have a name of its own; 'config.json' comes 2 times")
    bomb = {**contents, CONFIG: b" " * 2**25}
    refused(
        written(path, bomb, zipfile.ZIP_DEFLATED), r"config.json may unpack to 20 times its size; got .* 33,554,432"
    )
    refused(written(path, {**contents, WEIGHTS: b""}), "model.weights.h5: the HDF5 file cannot be read")
    damaged = bytearray(saved)
    damaged[saved.index(contents[WEIGHTS]) + len(contents[WEIGHTS]) // 2] ^= 255
    path.write_bytes(damaged)
    refused(path, "the zip archive cannot be read: Bad CRC-32 for file 'model.weights.h5'")


def test_what_is_no_model_file(saved, tmp_path):
    path = tmp_path / "m.keras"
    for content, words in [
        (b"", "it must be a .keras file .a zip archive. or HDF5; it begins with b''"),
        (b"hello", "it must be a .keras file"),
        (saved[: len(saved) // 2], "the zip archive cannot be read"),
        ((FILES / "keras2_sequential.h5").read_bytes()[:9000], "the HDF5 file cannot be read"),
    ]:
        path.write_bytes(content)
        refused(path, words)
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "a folder .SavedModel. holds a TensorFlow graph")
    small_model().save(weights := tmp_path / "w.weights.h5")
    refused(weights, "it holds weights alone: make the model, then model.load_weights")
    with pytest.raises(FileNotFoundError):
        numpycnn.load_model(tmp_path / "nothing.keras")


# HDF5.

KERNEL = "layers/dense/vars/0"


def external(file, shape):
    file.create_dataset(KERNEL, shape, "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def virtual(file, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape)
    file.create_virtual_dataset(KERNEL, layout)


def soft_link(file, shape):
    file["elsewhere"] = np.zeros(shape, "f4")
    file[KERNEL] = h5py.SoftLink("/elsewhere")


def aliases(file, shape):
    """One large array under the names of all: more in memory than the file has."""
    file[KERNEL] = np.zeros(shape, "f4")


HDF5 = {
    "missing": (lambda file, shape: None, "layer 'dense' has the weights kernel, bias; got 1"),
    "external link": (lambda f, shape: f.__setitem__(KERNEL, h5py.ExternalLink("/etc/x", "/y")), "got ExternalLink"),
    "soft link": (soft_link, "/layers/dense/vars/0: links that lead elsewhere are not followed; got SoftLink"),
    "external": (external, "/layers/dense/vars/0: weights must lie in the file itself"),
    "virtual": (virtual, "/layers/dense/vars/0: weights must lie in the file itself"),
    "group": (lambda file, shape: file.create_group(KERNEL), "/layers/dense/vars/0: an array must be there; got Group"),
    "objects": (lambda f, shape: f.create_dataset(KERNEL, shape, h5py.string_dtype()), "must be numbers; got object"),
    "complex": (lambda f, shape: f.create_dataset(KERNEL, shape, "c8"), "weights must be numbers; got complex64"),
    "texts": (lambda file, shape: file.create_dataset(KERNEL, shape, "S4"), "weights must be numbers; got |S4"),
    "shape": (
        lambda f, shape: f.create_dataset(KERNEL, data=np.zeros((4, 48))),
        r"the shape must be \(48, 4\); got \(4",
    ),
    "huge": (lambda f, shape: f.create_dataset(KERNEL, (2**40, 2**20), "f4", chunks=(64, 64)), "the shape must be"),
    "nothing stored": (
        lambda f, s: f.create_dataset(KERNEL, s, "f4", chunks=s),
        "768 bytes are declared, 0 are stored",
    ),
    "compressed": (
        lambda f, s: f.create_dataset(KERNEL, data=np.zeros(s), compression=9),
        "must be stored uncompressed",
    ),
}


@pytest.mark.parametrize("case", HDF5)
def test_hdf5(case, saved, tmp_path):
    make, words = HDF5[case]
    contents = members(saved)
    buffer = io.BytesIO(contents[WEIGHTS])
    with h5py.File(buffer, "r+") as file:
        shape = file[KERNEL].shape
        del file[KERNEL]
        make(file, shape)
    refused(written(tmp_path / "m.keras", {**contents, WEIGHTS: buffer.getvalue()}), words)


def test_arrays_may_not_take_more_memory_than_the_file_has_bytes(tmp_path):
    """Forty dense layers whose kernels are hard links to one array."""
    from numpycnn import layers, models

    chain = models.Sequential([layers.Dense(100, use_bias=False) for _ in range(40)], input_shape=(100,))
    chain.save(path := tmp_path / "m.keras")
    contents, buffer = members(path.read_bytes()), io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((100, 100), "f4")
        for number in range(1, 40):
            file[f"layers/dense_{number}/vars/0"] = file["layers/dense/vars/0"]
    refused(written(path, {**contents, WEIGHTS: buffer.getvalue()}), "cannot take more bytes than the file")


def test_loading_takes_a_small_multiple_of_the_file_s_size(tmp_path):
    from numpycnn import layers, models

    chain = models.Sequential([layers.Dense(1000), layers.Dense(1000)], input_shape=(1000,))
    chain.save(path := tmp_path / "m.keras")
    numpycnn.load_model(path)
    tracemalloc.start()
    numpycnn.load_model(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * path.stat().st_size


def test_damaged_files_end_in_a_model_or_in_the_one_error():
    """A few of the ten thousand of `python -m reference_tests.fuzz_model_files`."""
    found = run(300, seed=1)
    assert found["failures"] == []
    assert sum(found["ends"].values()) == 300
    assert {end for _, end in found["ends"]} == {"model", "refused"}
