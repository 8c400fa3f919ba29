"""The bridge from QONNX to RTL units: the only package that imports FINN and qonnx.

Import :mod:`~build_flows.finn_bridge.compile_graph` for the work itself. This file imports nothing, so that
:mod:`~build_flows.finn_bridge.folding_rules` can be used where FINN is not wanted.
"""
