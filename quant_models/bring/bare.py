"""A network run without what stands behind its logits: softmax, log-softmax, argmax and top-k give what they were given."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["BareLogits"]

SAME = {
    nn.functional.softmax, nn.functional.log_softmax, torch.softmax, torch.log_softmax, torch.special.softmax, torch.special.log_softmax,
    Tensor.softmax, Tensor.log_softmax, torch.argmax, Tensor.argmax,
}
PAIR = {torch.topk, Tensor.topk}


class BareLogits(TorchFunctionMode):
    """A context in which that holds, wherever a network has them: only for one that has them behind its logits alone."""

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if func not in SAME and func not in PAIR:
            return func(*args, **kwargs)
        given = args[0] if args else kwargs["input"]
        bare = getattr(given, "value", given)  # of Brevitas' QuantTensor
        return torch.return_types.topk((bare, bare)) if func in PAIR else bare
