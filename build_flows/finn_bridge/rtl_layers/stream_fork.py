"""``StreamFork_rtl``: one stream to two or three consumers, as :class:`hw.layers.stream_fork.StreamFork`."""

import math
from functools import partial
from typing import Any

from finn.custom_op.fpgadataflow.duplicatestreams import DuplicateStreams
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend
from hw.layers.stream_fork import StreamFork

__all__ = ["StreamFork_rtl"]


@register_custom_op
class StreamFork_rtl(DuplicateStreams, AmaranthBackend):
    """FINN's ``DuplicateStreams`` with its outputs: output 0 goes to the head, output 1 to the next stage, output 2 to the gate head.
    ``PE`` may be the channels of several pixels."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        return {**AmaranthBackend.get_nodeattr_types(self), **DuplicateStreams.get_nodeattr_types(self)}

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        channels, lanes = self.get_nodeattr("NumChannels"), self.get_nodeattr("PE")
        if lanes <= channels:
            return tuple(super().get_folded_input_shape(ind))
        vectors = math.prod(self.get_nodeattr("numInputVectors"))
        return 1, vectors * channels // lanes, lanes

    def recipe(self, model: Any) -> partial[Any]:
        return partial(StreamFork, width=self.get_instream_width(), outputs=self.get_nodeattr("NumOutputStreams"))
