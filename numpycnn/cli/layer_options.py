"""The arguments of a layer as options of a command: each written once, for every command that takes a layer."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from numpycnn.cli.layer_targets import option_name, parse_settings
from numpycnn.cli.targets import number_or_pair


def _option(*names: str, **more) -> Any:
    return typer.Option(*names, rich_help_panel="Layer", **more)


ONE_OR_TWO = "N or HxW"

Filters = Annotated[int | None, _option(help="Filters of a layer.")]
KernelSize = Annotated[str | None, _option("--kernel-size", "--kernel", metavar=ONE_OR_TWO, help="Size of a filter.")]
Strides = Annotated[str | None, _option(metavar=ONE_OR_TWO, help="Step of the window.")]
Padding = Annotated[str | None, _option(metavar="WORD", help="valid, same, or pixels.")]
DilationRate = Annotated[str | None, _option(metavar=ONE_OR_TWO, help="Step between taps.")]
Groups = Annotated[int | None, _option(help="Groups of channels.")]
DepthMultiplier = Annotated[int | None, _option(help="Filters a channel.")]
PoolSize = Annotated[str | None, _option(metavar=ONE_OR_TWO, help="Size of the window.")]
Units = Annotated[int | None, _option(help="Units of a dense layer.")]
Activation = Annotated[str | None, _option(metavar="NAME", help="As relu.")]
NoBias = Annotated[bool, _option("--no-bias", help="Without a bias.")]
Settings = Annotated[
    list[str] | None, _option("--set", metavar="NAME=VALUE", help="Any other argument, as epsilon=0.1.")
]

SIZES = ("kernel_size", "strides", "dilation_rate", "pool_size")


def arguments(*, padding: str | None, no_bias: bool, settings: Iterable[str] | None, **options: Any) -> dict[str, Any]:
    """What was given of these options, by the names and in the form in which a layer takes it.

    Raises: Unusable for a size or a setting that cannot be read.
    """
    if padding is not None and padding[:1].isdigit():
        options["padding"] = number_or_pair("--padding", padding)
    else:
        options["padding"] = padding
    for name in SIZES:
        options[name] = number_or_pair(option_name(name), options[name])
    options |= {"use_bias": False if no_bias else None, **parse_settings(settings or ())}
    return {name: value for name, value in options.items() if value is not None}
