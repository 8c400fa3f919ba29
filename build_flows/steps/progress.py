"""How far a training is, as the screen shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from build_flows.base.ui import Ui
    from quant_models.training.settings import Progress

__all__ = ["training_bar"]


@contextmanager
def training_bar(ui: "Ui", name: str) -> "Iterator[Callable[[Progress], None]]":
    """What a training of ``name`` is to call after each step: a bar with the loss, and a line for every epoch with the exits' accuracy on
    the validation split."""
    with ui.progress(f"training {name}") as bar:
        known = ""

        def tell(step: "Progress") -> None:
            nonlocal known
            bar.update(completed=step.epoch * step.steps + step.step + 1, total=step.epochs * step.steps,
                       text=f"epoch {step.epoch + 1} of {step.epochs}: loss {step.loss:.3f}{known}")
            if step.accuracy is not None:
                known = f", exits {'  '.join(f'{100 * share:.1f} %' for share in step.accuracy)}"
                bar.milestone(f"epoch {step.epoch + 1} of {step.epochs}: loss {step.loss:.3f}{known}")

        yield tell
