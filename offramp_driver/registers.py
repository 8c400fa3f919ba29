"""Registers of the accelerator: written by ``python -m benchmarks.register_docs`` from
``hw/control/register_map.py``, not by hand.

Offsets are in bytes. Of what every exit, gate or counted stream has, number k lies k times the stride further. A field
has the mask of its bits and the number of the lowest one; what each means stands in docs/accelerator.md.
"""

MAGIC = 0x4f465250
"""What ID reads: the letters OFRP."""
MAP_VERSION = 1
"""Version of the register map that these constants describe: what VERSION reads."""
SPAN = 0x1000
"""Bytes of the address space that the registers have."""

ID = 0x000
VERSION = 0x004
BUILD = 0x008
CONTROL = 0x00c
CONTROL_SOFT_RESET = 0x1
CONTROL_SOFT_RESET_LSB = 0
CONTROL_CLEAR_COUNTERS = 0x2
CONTROL_CLEAR_COUNTERS_LSB = 1
CONTROL_DISCARD = 0x4
CONTROL_DISCARD_LSB = 2
CONTROL_CHECK_TLAST = 0x8
CONTROL_CHECK_TLAST_LSB = 3
STATUS = 0x010
STATUS_BUSY = 0x1
STATUS_BUSY_LSB = 0
STATUS_OUTPUT_PENDING = 0x2
STATUS_OUTPUT_PENDING_LSB = 1
STATUS_TLAST_ERROR = 0x4
STATUS_TLAST_ERROR_LSB = 2
STATUS_BAD_ADDRESS = 0x8
STATUS_BAD_ADDRESS_LSB = 3
STATUS_TLAST_ERRORS = 0xff00
STATUS_TLAST_ERRORS_LSB = 8
STATUS_IN_FLIGHT = 0xffff0000
STATUS_IN_FLIGHT_LSB = 16
BATCH_LENGTH = 0x014
EXITS = 0x018
CLASSES = 0x01c
STREAMS = 0x020
GATES = 0x024
SAMPLES_IN = 0x028
SAMPLES_OUT = 0x02c
CYCLES_LO = 0x030
CYCLES_HI = 0x034
THRESHOLD = 0x100
THRESHOLD_STRIDE = 0x10
ENABLE = 0x104
ENABLE_STRIDE = 0x10
EXIT_COUNT = 0x108
EXIT_COUNT_STRIDE = 0x10
MODE = 0x10c
MODE_STRIDE = 0x10
MODE_MODE = 0x3
MODE_MODE_LSB = 0
MODE_CLASS = 0x3ff0000
MODE_CLASS_LSB = 16
GATE_OCCUPANCY_MAX = 0x300
GATE_OCCUPANCY_MAX_STRIDE = 0x8
STALL = 0x400
STALL_STRIDE = 0x8
OCCUPANCY_MAX = 0x404
OCCUPANCY_MAX_STRIDE = 0x8

# What MODE.mode may hold.
MODE_MODE_POLICY = 0
MODE_MODE_ALWAYS = 1
MODE_MODE_NEVER = 2
