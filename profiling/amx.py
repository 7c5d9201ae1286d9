"""Deny this process the tile registers (AMX) where ``--no-amx`` is among its arguments.

By being imported, which must be before ONNX Runtime is: it takes the instructions that all have
when Linux refuses the registers, and Linux does when a signal stack is too small to save them
(the kernel's Documentation/arch/x86/xstate.rst).
"""

import ctypes
import sys

SWITCH = "--no-amx"


class _Stack(ctypes.Structure):
    _fields_ = (
        ("ss_sp", ctypes.c_void_p),
        ("ss_flags", ctypes.c_int),
        ("ss_size", ctypes.c_size_t),
    )


if SWITCH in sys.argv:
    _memory = ctypes.create_string_buffer(4096)  # must stay where it is
    _stack = _Stack(ctypes.addressof(_memory), 0, len(_memory))
    if ctypes.CDLL(None).sigaltstack(ctypes.byref(_stack), None):
        sys.exit(f"{SWITCH} does not work here: the signal stack was refused")
