"""The one exception of this room."""


class QuantModelError(ValueError):
    """A description, data set, checkpoint or calibration that cannot be used; the message names the value and what is allowed."""
