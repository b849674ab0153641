"""What an extraction child may not do: grow, write, dump core, start programs or open connections."""

import ctypes
import errno
import platform
import resource
import struct

MEMORY = 2_000_000_000
_FILE = 64_000_000
_OPEN_FILES = 128
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_THREAD = 0x00010000
_CALL, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
# linux/audit.h and the kernel's system call tables: connections and other processes; then what starts programs
_ARCHITECTURES = {
    "x86_64": (0xC000003E, (41, 42, 49, 101, 310, 311, 425), (57, 58, 59, 62, 322), 56),
    "aarch64": (0xC00000B7, (198, 203, 200, 117, 270, 271, 425), (221, 129, 281), 220),
}
_CLONE3 = 435


def confine(*, may_run_programs: bool) -> None:
    """Give up for good what reading a document does not need; ``may_run_programs`` for text recognition."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _FILE),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    _refuse_calls(may_run_programs)


def allow_seconds(seconds: float) -> None:
    """Let this process use so many seconds of processor time from now on; past them the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _refuse_calls(may_run_programs: bool) -> None:
    """Install a seccomp filter where the kernel takes one; elsewhere the limits alone stand."""
    known = _ARCHITECTURES.get(platform.machine())
    if known is None:
        return
    architecture, connections, programs, clone = known
    program = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _CALL)]
    for call in connections if may_run_programs else connections + programs:
        program += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _REFUSE | errno.EPERM)]
    if not may_run_programs:  # threads stay possible; clone3 hides what it starts, and libc does without it
        program += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
        program += [(_EQUAL, 0, 3, clone), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_ANY_BIT, 1, 0, _THREAD)]
        program += [(_RETURN, 0, 0, _REFUSE | errno.EPERM)]
    program.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        libc.prctl(_SECCOMP, _FILTER, ctypes.byref(described), 0, 0)
