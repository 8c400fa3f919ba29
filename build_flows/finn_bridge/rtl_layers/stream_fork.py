"""``StreamFork_rtl``: one stream to two or three consumers, as :class:`hw.layers.stream_fork.StreamFork`."""

from typing import Any

from finn.custom_op.fpgadataflow.duplicatestreams import DuplicateStreams
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend
from hw.layers.stream_fork import StreamFork

__all__ = ["StreamFork_rtl"]


@register_custom_op
class StreamFork_rtl(DuplicateStreams, AmaranthBackend):
    """FINN's ``DuplicateStreams`` with its outputs: output 0 goes to the head, output 1 to the next stage, output 2 to the gate head."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        return {**AmaranthBackend.get_nodeattr_types(self), **DuplicateStreams.get_nodeattr_types(self)}

    def component(self) -> Any:
        return StreamFork(width=self.get_instream_width(), outputs=self.get_nodeattr("NumOutputStreams"))
