"""What ``compare.json`` holds."""

__all__ = ["COUNTS", "GROUPS"]

COUNTS = ("lut", "lutram", "ff", "bram36", "dsp")
"""The resources of a row, by key."""

GROUPS = ("backbone", "heads", "decisions", "gates", "streams", "control")
"""What units are for, in the order in which they are shown."""
