"""Values and flags some cycles later, in pipelines that never stop."""

from amaranth.hdl import Const, Module, Signal, Value

__all__ = ["later", "later_flag"]


def later(m: Module, value: Value, cycles: int) -> Value:
    """``value`` as it was ``cycles`` cycles ago, in registers that are not reset; a constant stays one."""
    for _ in range(0 if isinstance(value, Const) or not len(value) else cycles):
        register = Signal.like(value, init=0, reset_less=True, name="later")
        m.d.sync += register.eq(value)
        value = register
    return value


def later_flag(m: Module, flag: Value, cycles: int) -> Value:
    """``flag`` as it was ``cycles`` cycles ago; low after a reset."""
    for _ in range(cycles):
        register = Signal(name="flag_later")
        m.d.sync += register.eq(flag)
        flag = register
    return flag
