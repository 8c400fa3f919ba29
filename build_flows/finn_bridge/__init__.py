"""The bridge from QONNX to RTL units: the only package that imports FINN and qonnx.

:mod:`~build_flows.finn_bridge.compile_graph` is the entry.
"""
