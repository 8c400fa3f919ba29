"""Units of ours as FINN RTL backends. Importing this package registers them with FINN."""

from build_flows.finn_bridge.rtl_layers.global_acc_pool import GlobalAccPool_rtl
from build_flows.finn_bridge.rtl_layers.max_pool import MaxPool_rtl
from build_flows.finn_bridge.rtl_layers.pixel_pool import PixelPool_rtl
from build_flows.finn_bridge.rtl_layers.shared_conv import SharedConv_rtl
from build_flows.finn_bridge.rtl_layers.static_conv import StaticConv_rtl
from build_flows.finn_bridge.rtl_layers.stream_add import StreamAdd_rtl
from build_flows.finn_bridge.rtl_layers.stream_concat import StreamConcat_rtl
from build_flows.finn_bridge.rtl_layers.stream_fork import StreamFork_rtl
from build_flows.finn_bridge.rtl_layers.upsample import Upsample_rtl

__all__ = [
    "GlobalAccPool_rtl", "MaxPool_rtl", "PixelPool_rtl", "SharedConv_rtl", "StaticConv_rtl", "StreamAdd_rtl",
    "StreamConcat_rtl", "StreamFork_rtl", "Upsample_rtl",
]
