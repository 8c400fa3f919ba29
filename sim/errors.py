"""What simulation raises, apart from the golden models."""

__all__ = ["AgreementError", "BuildError", "SimulationError", "StallError", "ToolError", "YosysError"]


class ToolError(RuntimeError):
    """A tool is missing or too old: the message says which and how to get it."""


class BuildError(RuntimeError):
    """A model could not be built: the message holds the tool's first complaints."""


class SimulationError(RuntimeError):
    """A simulation ended otherwise than it should: the message says how, and where the log is."""


class StallError(SimulationError):
    """Nothing moved for too long: the message says which stream stood still."""


class YosysError(RuntimeError):
    """Yosys refused its input: the message holds its first complaint and names the log."""


class AgreementError(AssertionError):
    """Simulated and golden results differ: the message names the first sample, its exit and both values."""
