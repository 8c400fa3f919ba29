import subprocess
import sys
import typing

import pytest

import offramp


def test_every_public_name_is_there_and_has_a_home() -> None:
    assert set(offramp.__all__) == {name for names in offramp._HOMES.values() for name in names} == set(dir(offramp))
    for name in offramp.__all__:
        assert getattr(offramp, name).__name__ == name
        assert getattr(offramp, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        typing.cast("typing.Any", offramp).nothing  # noqa: B018


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "amaranth", "pydantic")
    code = f"import sys, offramp, offramp.command; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
