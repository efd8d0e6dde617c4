"""What the package may import: nothing heavy at its door, TensorFlow only where it is needed, and one direction."""

import ast
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "numpycnn"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("tensorflow", "keras", "h5py", "PIL", "rich", "typer", "matplotlib", "sklearn", "scipy", "hypothesis")
NEED_TENSORFLOW = {"keras_io", "verification", "training"}

# Each part of the package and the parts it may import; a part may always import itself.
CORE = {"ops", "layers", "models"}
FEATURES = {"plots", "training", "verification", "keras_io", "counting", "detection", "segmentation", "data"}
ABOVE = {
    "explanations": {*CORE, "detection", "plots"},
    "report": {*CORE, "counting"},
    "testing": {"ops", "detection", "verification"},
    "traps": {*CORE, "counting", "detection", "segmentation", "training", "verification"},
}
MAY_IMPORT = {
    "ops": set(),
    "layers": {"ops"},
    "models": {"ops", "layers"},
    **dict.fromkeys(FEATURES, CORE | FEATURES),
    **ABOVE,
    "cli": CORE | FEATURES | {*ABOVE, "numpycnn"},
    "numpycnn": CORE | FEATURES | {*ABOVE, "cli"},  # the export table itself
}
AGAINST = {
    "numpycnn/models/model.py": {"numpycnn.keras_io"},  # inside Model.to_keras, a name of the contract
    "numpycnn/verification/check.py": {"numpycnn.testing"},  # inside check: Hypothesis is an extra
    "numpycnn/verification/judging.py": {"numpycnn.testing"},  # inside check as well
}


def test_every_module_imports_without_tensorflow():
    printed = run_python(
        """
        import importlib, json, pkgutil, sys

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("tensorflow", "keras"):
                    raise ImportError(f"{name} is blocked")

        sys.meta_path.insert(0, Blocked())
        import numpycnn
        names = [module.name for module in pkgutil.walk_packages(numpycnn.__path__, "numpycnn.")]
        for name in names:
            if not name.endswith("__main__"):
                importlib.import_module(name)
        print(json.dumps(["numpycnn", *names]))
        """
    )
    assert sorted(json.loads(printed)) == sorted(map(dotted, MODULES))


def test_importing_numpycnn_imports_nothing_heavy():
    loaded = json.loads(run_python("import json, sys, numpycnn; print(json.dumps(sorted(sys.modules)))"))
    assert {name.partition(".")[0] for name in loaded} & set(HEAVY) == set()


def test_importing_numpycnn_takes_little_longer_than_numpy():
    """In processor time, which other work on the machine does not lengthen."""
    program = """
    import time, numpy
    start = time.process_time()
    import numpycnn
    print(time.process_time() - start)
    """
    assert min(float(run_python(program)) for _ in range(5)) < 0.3


def test_verification_is_imported_when_it_is_asked_for():
    printed = run_python(
        """
        import json, sys, numpycnn
        before = any(name.startswith("numpycnn.verification") for name in sys.modules)
        listed = {"check", "verify", "Report", "verification"} <= set(dir(numpycnn))
        wanted = numpycnn.verification.verify is numpycnn.verify
        from numpycnn import *
        print(json.dumps([before, listed, wanted, verify is numpycnn.verify, hasattr(numpycnn, "chek")]))
        """
    )
    assert json.loads(printed) == [False, True, True, True, False]


def test_no_module_imports_against_the_direction():
    wrong = [
        f"{place} imports {target}"
        for module in MODULES
        for place, target, inside_function in imports(module)
        if target.partition(".")[0] == "numpycnn"
        and part(target) not in {part(dotted(module)), *MAY_IMPORT[part(dotted(module))]}
        and not (inside_function and target in AGAINST.get(relative(module), ()))
    ]
    assert not wrong, "\n".join(wrong)


def test_counting_knows_no_kind_of_layer():
    allowed = {"numpycnn.layers.base"}
    wrong = [
        f"{place} imports {target}"
        for module in MODULES
        if part(dotted(module)) == "counting"
        for place, target, _ in imports(module)
        if part(target) == "layers" and target not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_tensorflow_is_imported_only_where_it_is_needed_and_only_inside_functions():
    wrong = [
        f"{place} imports {target}"
        for module in MODULES
        for place, target, inside_function in imports(module)
        if target.partition(".")[0] in ("tensorflow", "tf_keras", "keras")
        and not (inside_function and part(dotted(module)) in NEED_TENSORFLOW)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_package_has_no_assert():
    """python -O drops them; and an assert's message is not the project's form of an error."""
    wrong = [
        f"{relative(module)}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpycnn.ops.conv", [("numpycnn.ops.conv", False)]),
        ("import numpy as np, keras", [("numpy", False), ("keras", False)]),
        ("from numpycnn import ops, layers", [("numpycnn.ops", False), ("numpycnn.layers", False)]),
        ("from numpycnn.layers.base import Layer", [("numpycnn.layers.base", False)]),
        ("from numpycnn.layers import Conv2D", [("numpycnn.layers", False)]),
        ("def f():\n    from tensorflow import keras", [("tensorflow", True)]),
        ("class A:\n    def f(self):\n        import keras\n    import numpy", [("keras", True), ("numpy", False)]),
        ("if TYPE_CHECKING:\n    import keras", []),
        ("import importlib\nimportlib.import_module('keras')", [("importlib", False), ("keras", False)]),
    ],
)
def test_imports_are_found(tmp_path, source, found):
    module = tmp_path / "module.py"
    module.write_text(source)
    assert sorted(item[1:] for item in imports(module)) == sorted(found)


def run_python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, cwd=PACKAGE.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def relative(module: Path) -> str:
    return module.relative_to(PACKAGE.parent).as_posix() if module.is_relative_to(PACKAGE) else module.name


def dotted(module: Path) -> str:
    """numpycnn/ops/conv.py -> "numpycnn.ops.conv" """
    return relative(module).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def part(name: str) -> str:
    """numpycnn.ops.conv -> "ops"; what is no part, as a function of the export table, belongs to "numpycnn"."""
    second = [*name.split("."), ""][1]
    return second if second in MAY_IMPORT else "numpycnn"


def imports(module: Path) -> list[tuple[str, str, bool]]:
    """Every import of a module: (file and line, what is imported, whether inside a function).

    Those under `if TYPE_CHECKING` never run and are left out.
    """
    found = []

    def walk(node, inside):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return
        found.extend((f"{relative(module)}:{node.lineno}", target, inside) for target in targets(node))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            walk(child, inside)

    walk(ast.parse(module.read_text()), False)
    return found


def targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        if node.module == "numpycnn":
            return [f"numpycnn.{alias.name}" for alias in node.names]
        return [str(node.module)]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        return [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return []
