"""The command `numpycnn` and the list of its sub-commands."""

import sys
from typing import Annotated

import typer

from numpycnn.cli.check import check
from numpycnn.cli.count import count
from numpycnn.cli.data import data
from numpycnn.cli.doctor import doctor
from numpycnn.cli.errors import Commands
from numpycnn.cli.explain import explain
from numpycnn.cli.predict import predict
from numpycnn.cli.report import report
from numpycnn.cli.train import train
from numpycnn.cli.transfer import transfer
from numpycnn.cli.traps import traps
from numpycnn.cli.verify import verify

app = typer.Typer(
    name="numpycnn",
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
)
app.command("count")(count)
app.command("verify")(verify)
app.command("predict")(predict)
app.command("data")(data)
app.command("train")(train)
app.command("transfer")(transfer)
app.command("check")(check)
app.command("explain")(explain)
app.command("report")(report)
app.command("traps")(traps)
app.command("doctor")(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"numpycnn {version('numpycnn-reference')}")
        except PackageNotFoundError:
            typer.echo("numpycnn, run from its sources without being installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def numpycnn(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Convolutional networks in NumPy: counted to the byte, proven equal to TensorFlow.

    Sizes are written HxWxC, as 224x224x3. Exit status: 0 holds, 1 differs or does not fit, 2 unusable input.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
