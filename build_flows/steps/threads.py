"""How many threads a step's work takes."""

__all__ = ["set_threads"]


def set_threads(count: int) -> None:
    """Let torch use ``count`` threads; 0: as many as it likes."""
    import torch

    if count:
        torch.set_num_threads(count)
