"""Pictures of our pages for ``docs/``, drawn by a headless Chromium: ``python -m benchmarks.pictures PAGE.html PICTURE.png``.

``docs/report.png`` is of ``examples/build/b_lenet_fashion/report.html``; the plots ``docs/compare_*.png`` are what ``offramp compare``
writes, and need no browser.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.base.files import write_bytes

__all__ = ["BROWSERS", "SIZE", "draw"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1180, 1662)
"""Width and height of a picture, in pixels."""
_SECONDS = 60.0


def draw(page: Path, picture: Path, size: tuple[int, int] = SIZE) -> None:
    """Write the top of ``page``, as wide and high as ``size``, into the PNG file ``picture``, whole or not at all.

    Raises :class:`OfframpError` where there is no page, no browser, or no picture within a minute.
    """
    if not page.is_file():
        raise OfframpError(f"{page}: no such page", hint="offramp report or offramp compare makes one")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise OfframpError(f"none of {', '.join(BROWSERS)} is on PATH", hint="apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="offramp-picture-") as name:
        drawn = Path(name) / "page.png"
        # No sandbox of its own: it is not there in a container, and the page is ours.
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={name}/profile",
                   f"--window-size={size[0]},{size[1]}", f"--screenshot={drawn}", page.resolve().as_uri()]
        try:
            ran = subprocess.run([browser, *options], capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise OfframpError(f"{browser} drew no picture of {page} within {_SECONDS:g} seconds") from None
        if ran.returncode or not drawn.is_file():
            raise OfframpError(f"{browser} drew no picture of {page}: {(ran.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
        write_bytes(picture, drawn.read_bytes())


def main(words: Sequence[str]) -> None:
    """``words`` are the page and the picture."""
    if len(words) != 2:
        raise SystemExit("python -m benchmarks.pictures PAGE.html PICTURE.png")
    try:
        draw(Path(words[0]), Path(words[1]))
    except OfframpError as error:
        raise SystemExit(f"{error.message}" + (f"\n  hint: {error.hint}" if error.hint else "")) from None


if __name__ == "__main__":
    main(sys.argv[1:])
