"""Errors of the driver: one family, and Python's own where it has one."""

import pytest

import offramp_driver
from offramp_driver import DmaError, DmaTimeout, DriverError, ExitError, InputError, errors


def test_all_are_driver_errors_and_public() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), DriverError)
        assert getattr(offramp_driver, name) is getattr(errors, name)


@pytest.mark.parametrize(("error", "kind"), [
    (InputError, ValueError), (ExitError, KeyError), (ExitError, InputError), (DmaTimeout, DmaError),
])
def test_they_are_caught_as_what_they_are(error: type[Exception], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        raise error("something")


def test_their_text_is_their_text() -> None:
    assert str(ExitError("exit must be 0, not 'a'")) == "exit must be 0, not 'a'"


def test_counters_are_told() -> None:
    assert DmaTimeout("late", {"samples_in": 3}).counters == {"samples_in": 3}
    assert DmaError("failed").counters == {}
