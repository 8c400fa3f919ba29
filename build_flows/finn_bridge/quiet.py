"""Keep FINN and qonnx quiet: they log, print and warn about matters that are settled here."""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator

from finn.util.settings import initialize_dummy_settings

__all__ = ["quiet_finn"]


@contextlib.contextmanager
def quiet_finn() -> Iterator[None]:
    """Run FINN code with its settings initialised and its output held back.

    Only errors pass the logger; what FINN prints is dropped, and Python warnings raised inside are ignored. FINN's settings are its
    defaults, whatever the user's environment and home folder, which is left alone; they write themselves into the environment, which is put
    back.
    """
    environment = dict(os.environ)
    for name in environment:
        if name.startswith("FINN_"):
            del os.environ[name]
    # Where no file can be: FINN looks for one in ~/.finn otherwise, and makes that folder.
    os.environ["FINN_SETTINGS"] = f"{os.devnull}/settings.yaml"
    log = logging.getLogger("finn_logger")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            initialize_dummy_settings()
            yield
    finally:
        log.setLevel(level)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
