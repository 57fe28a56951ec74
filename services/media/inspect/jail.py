"""The first steps of a child, taken in its own process: it walks into the jail, then becomes the tool. Run by `child`
as a program of its own, so it imports nothing of the project and as little as it can: it costs some 10 ms.

What holds on any Linux: no new privileges, no socket, no other process (threads only), no signal or look at another
process (a seccomp filter, which needs no rights), limits, death with its parent. What needs rights of root or a user
namespace: a uid of its own (`uid`), no network interface (`network`), every file system read-only but for its own
folder in bounded memory (`disk`); what the machine does not grant is told by name on the status descriptor.
"""

import _signal  # type: ignore[import-not-found] # a third of what `signal` costs to load
import ctypes
import os
import resource
import struct
import sys

FOLDER = "/mnt"
"""Where a child's own folder lies, over whatever the machine has there: a place every system has (FHS 3.0, 3.12), so
that none is made that a kill could leave behind."""
UIDS = 0x70000000
"""The children's uids begin here, each child has its own; 65534 where a container has no such uid."""
NOBODY = 65534
NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x40000000
RECURSIVE_PRIVATE, LIMITED_MOUNT = 0x4000 | 1 << 18, 2 | 4 | 8
"""Flags of mount(2): MS_REC | MS_PRIVATE; MS_NOSUID | MS_NODEV | MS_NOEXEC."""
MOUNT_SETATTR, HERE, RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1
DIE_WITH_PARENT, SET_SECCOMP, NO_NEW_PRIVILEGES, FILTER = 1, 22, 38, 2
THREAD = 0x00010000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF: load a word; jump if equal, at least, if any bit is set; return."""
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, EAGAIN, ENOSYS = 1, 11, 38
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000
"""Calls of x86-64 from here on are those of another interface to the same kernel."""
FORBIDDEN = {
    # socket, socketpair, fork, vfork, ptrace, setpgid, setsid, shmget, semget, msgget, mq_open, mount, umount2,
    # pivot_root, chroot, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, add_key, request_key, keyctl, unshare,
    # perf_event_open, setns, process_vm_readv, process_vm_writev, bpf, userfaultfd
    "x86_64": (41, 53, 57, 58, 101, 109, 112, 29, 64, 68, 240, 165, 166, 155, 161, 200, 129, 297, 248, 249, 250, 272,
               298, 308, 310, 311, 321, 323),
    "aarch64": (198, 199, 117, 154, 157, 194, 190, 186, 180, 40, 39, 41, 51, 130, 138, 240, 217, 218, 219, 97, 241,
                268, 270, 271, 280, 282),
}  # fmt: skip
NEWER = (424, 428, 429, 430, 434, 438, 442)
"""The same on every architecture: pidfd_send_signal, open_tree, move_mount, fsopen, pidfd_open, pidfd_getfd,
mount_setattr."""
ABSENT = {"x86_64": (319, 425, 435), "aarch64": (279, 425, 435)}
"""memfd_create, io_uring_setup and clone3 (whose flags a filter cannot see): without them libraries use older calls."""
CLONE = {"x86_64": 56, "aarch64": 220}
SIGNALS = {"x86_64": (62, 234), "aarch64": (129, 131)}
"""kill and tgkill: to itself only."""
CATCH = {"x86_64": 13, "aarch64": 134}
CPU_USED_UP = 24
"""rt_sigaction, and SIGXCPU, which no tool may catch: ffmpeg would go on until it is killed as by the machine."""

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    """A function of the C library. OSError where it fails."""
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def main(parent: int, status: int, limits: list[int], argv: list[str]) -> None:
    """Walk in and become `argv`. `limits`: CPU in s, memory, file size and folder in bytes, descriptors, threads, and
    how far it stands back for others."""
    try:
        os.set_inheritable(status, False)
        cpu, memory, size, disk, descriptors, threads, nice = limits
        os.nice(nice)
        for kind, limit in (
            (resource.RLIMIT_CPU, (cpu, cpu + 1)),
            (resource.RLIMIT_FSIZE, (size, size)),
            (resource.RLIMIT_NOFILE, (descriptors, descriptors)),
            (resource.RLIMIT_CORE, (0, 0)),
        ):
            resource.setrlimit(kind, limit)
        tool = os.open(argv[0], os.O_PATH)  # before leaving: its folder may be closed to others
        lost = leave(disk, threads)
        call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        call("prctl", DIE_WITH_PARENT, _signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        # Python ignores these two, and what is ignored stays ignored in the tool.
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
        _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
        shut(program(os.uname().machine, os.getpid()))
        os.write(status, f"in {' '.join(lost)}\n".encode())
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.execve(tool, argv, os.environ)
    except BaseException as error:  # noqa: BLE001 # told to the parent, who raises it
        os.write(status, f"failed {error!r}\n".encode())
        os._exit(1)


def leave(disk: int, threads: int) -> list[str]:
    """Leave the machine's network, files and users as far as it lets us; what could not be left, by name."""
    root, lost = os.getuid() == 0, []
    uid = UIDS + os.getpid() if root else os.getuid()
    try:
        inside(0 if root else NEW_USER)
    except OSError:
        lost.append("network")
    try:
        if "network" in lost:
            raise OSError("no namespace to mount in")
        read_only(disk, uid)
        os.chdir(FOLDER)
    except OSError:
        lost.append("disk")
        os.chdir("/")
    if root:
        become(uid, None if "disk" in lost else FOLDER)
    if root or "network" not in lost:
        # Counted by user: where the worker's own user is meant, its other processes would be counted too.
        resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
    else:
        lost.append("uid")
    return lost


def inside(user: int) -> None:
    """New namespaces; where we are no root, in a user namespace in which we are still the same user."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", user | NEW_MOUNTS | NEW_IPC | NEW_NETWORK)
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)


def read_only(disk: int, uid: int) -> None:
    """No file system can be written but for a folder of the child's own, in `disk` bytes of memory."""
    call("mount", None, b"/", None, RECURSIVE_PRIVATE, None)
    attributes = struct.pack("4Q", READ_ONLY, 0, 0, 0)
    call("syscall", MOUNT_SETATTR, HERE, b"/", RECURSIVE, attributes, len(attributes))
    options = f"size={max(disk, 4096)},nr_inodes=64,mode=700,uid={uid}"
    call("mount", b"tmpfs", FOLDER.encode(), b"tmpfs", LIMITED_MOUNT, options.encode())


def become(uid: int, folder: "str | None") -> None:
    """A user that nobody else is, and the owner of the folder."""
    os.setgroups([])
    for each in (uid, NOBODY):
        try:
            if folder:
                os.chown(folder, each, each)
            os.setresgid(each, each, each)
            os.setresuid(each, each, each)
        except OSError:
            if each == NOBODY:
                raise
        else:
            return


def program(machine: str, pid: int) -> bytes:
    """The filter: what is forbidden fails, what is newer is absent, threads are no processes, signals reach itself."""
    code = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, ARCHITECTURES[machine]), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    if machine == "x86_64":
        code += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, ERROR | ENOSYS)]
    for number in FORBIDDEN[machine] + NEWER:
        code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | EPERM)]
    for number in ABSENT[machine]:
        code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | ENOSYS)]
    # The low word of the first argument lies at 16.
    code += [(EQUAL, 0, 4, CLONE[machine]), (LOAD, 0, 0, 16), (ANY_BIT, 1, 0, THREAD), (RETURN, 0, 0, ERROR | EAGAIN)]
    code += [(RETURN, 0, 0, ALLOW)]
    for number in SIGNALS[machine]:
        code += [(EQUAL, 0, 4, number), (LOAD, 0, 0, 16), (EQUAL, 1, 0, pid), (RETURN, 0, 0, ERROR | EPERM)]
        code += [(RETURN, 0, 0, ALLOW)]
    code += [(EQUAL, 0, 3, CATCH[machine]), (LOAD, 0, 0, 16), (EQUAL, 0, 1, CPU_USED_UP), (RETURN, 0, 0, ERROR | EPERM)]
    code += [(RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *each) for each in code)


def shut(filter: bytes) -> None:  # noqa: A002 # what seccomp calls it
    """Shut the filter behind us, for good."""
    kept = ctypes.create_string_buffer(filter, len(filter))
    head = struct.pack("HxxxxxxP", len(filter) // 8, ctypes.addressof(kept))
    call("prctl", SET_SECCOMP, FILTER, head, 0, 0)


def start() -> None:
    """What `child` calls, with everything in the arguments."""
    parent, status, limits, *argv = sys.argv[1:]
    main(int(parent), int(status), [int(each) for each in limits.split(",")], argv)
