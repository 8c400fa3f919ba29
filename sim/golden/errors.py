"""What the golden models raise."""

__all__ = ["GoldenError"]


class GoldenError(ValueError):
    """A golden artefact or a vector does not fit its definition: the message names the item and what is wrong with it."""
