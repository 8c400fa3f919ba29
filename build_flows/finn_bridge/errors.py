"""The one exception of the bridge."""

__all__ = ["CompileError"]


class CompileError(ValueError):
    """The network cannot be compiled as asked; the message names the layer, the value and what is allowed."""
