"""``offramp init``: a configuration to start from."""

import errno
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import EXISTING, answer, debug_option, json_option, print_json, working
from quant_models.networks.presets import PRESETS

if TYPE_CHECKING:
    from build_flows.cli.init_from import Brought

__all__ = ["init"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(tuple(PRESETS)), default=None, help="Network to start from.  [default: digits]")
@click.option("--from", "source", metavar="FILE|MODULE:FUNCTION",
              help="Your own network: an .onnx file (QONNX or QCDQ, an output for each exit), or a function without parameters that "
              "returns a Brevitas module, as net:make or net.py:make; it is run.")
@click.option("--shape", metavar="HxWxC", help="With a function: height, width and channels of the images, as 28x28x1; a file tells them.")
@click.option("--weights", type=EXISTING, metavar="FILE", help="With a function: a state dict for the network that it returns.")
@click.option("--data", type=EXISTING, metavar="FILE", help="With --from: your images, an .npz; their shape and classes are checked.")
@json_option
@debug_option
def init(
    folder: Path, preset: str | None, source: str | None, shape: str | None, weights: Path | None, data: Path | None, as_json: bool
) -> None:
    """Write DIR/config.toml, with every key explained, to start from. A file that is there is left alone.

    With --from it is the configuration of your own network: its exits are found in the graph, one [[exits]] table is written for each, and
    what of it can be built is told, layer by layer, or in one line why it cannot and what to do. Fill in data.path unless --data names it.

    \b
    Examples:
      offramp init my-net
      offramp init fashion --preset b_lenet
      offramp init mine --from net.onnx
      offramp init mine --from net.py:make --shape 28x28x1 --weights net.pt --data images.npz
    """
    brought: Brought | None = None
    with working() as ui:
        from build_flows.base.files import write_text
        from build_flows.project.template import template, valid_name

        target = folder / "config.toml"
        try:
            if target.exists():
                raise OfframpError(f"{target} exists already", hint="choose another DIR, or remove it first")
            if source is None:
                _refuse_alone({"--shape": shape, "--weights": weights, "--data": data})
                name = folder.resolve().name
                text = template(preset or "digits", name=name if valid_name(name) else None)
            else:
                from build_flows.cli.init_from import bring

                if preset is not None:
                    raise OfframpError(f"--preset {preset} and --from {source}: a network is a preset or your own; allowed: one of them")
                brought = bring(folder, source, shape, weights, data, ui)
                text = brought.text
            write_text(target, text)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            why = (error.strerror or str(error)).lower()
            raise OfframpError(f"DIR = {folder}: cannot be made ({why}); allowed: a new folder, or one without config.toml") from None
    if as_json:
        told: dict[str, Any] = {"preset": preset or "digits"} if brought is None else brought.to_json()
        print_json({"config": str(target), **told})
        return
    if brought is not None:
        brought.show(answer(), click.echo)
    ready = brought is None or (data is not None and brought.refusal is None)
    now = f"offramp run {shlex.quote(str(target))}"
    steps = [*([] if data is not None or brought is None else ["fill in data.path"]),
             *([] if brought is None or brought.refusal is None else ["mend the network"])]
    click.echo(f"{target}\nnow: {now}" if ready else f"{target}\nnow: {', '.join(steps)}; then {now}")


def _refuse_alone(given: dict[str, object]) -> None:
    """Options that only an own network has."""
    for option, value in given.items():
        if value is not None:
            raise OfframpError(f"{option} {value}: goes with --from alone; allowed: --from FILE or --from MODULE:FUNCTION beside it")
