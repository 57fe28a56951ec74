"""A child does harm in every way it can: each is bounded, told apart, and never an exception."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.media.inspect import allowance
from services.media.inspect.child import Done, Limits, NoJail, child, lost_walls, run
from services.media.inspect.jail import FOLDER
from services.media.inspect.models import Damaged
from services.media.inspect.tools import ToolMissing

SMALL = Limits(cpu=1, wall=5.0, memory=2**28, file=2**16, disk=2**20, output=2**20, errors=2**14)


@pytest.fixture
def open_to_all(tmp_path: Path) -> Path:
    tmp_path.chmod(0o777)
    return tmp_path


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x"


async def python(program: str, limits: Limits = SMALL, stdin: bytes | AsyncIterator[bytes] | int = b"") -> Done:
    """Run a program in the jail, as a tool would be: with the system's Python, which every user may run."""
    return await run("python3", "-I", "-S", "-c", program, limits=limits, stdin=stdin)


async def test_quiet_tool_says_its_piece() -> None:
    done = await run("cat", limits=SMALL, stdin=b"piece")
    assert (done.output, done.end.ok, done.end.measured) == (b"piece", True, "cat: exit 0")


async def test_socket_is_refused_of_every_family() -> None:
    program = "import _socket\nfor f in (1, 2, 10, 16):\n try: _socket.socket(f, 1)\n except PermissionError: print(f)"
    assert (await python(program)).output.split() == [b"1", b"2", b"10", b"16"]


async def test_fork_is_refused_and_threads_are_not() -> None:
    program = (
        "import os, _thread, time\n"
        "try: os.fork()\nexcept OSError as e: print(e.errno)\n"
        "try: os.setsid()\nexcept OSError as e: print(e.errno)\n"
        "_thread.start_new_thread(print, ('thread',)); time.sleep(.1)"
    )
    assert (await python(program)).output.split() == [b"11", b"1", b"thread"]


async def test_threads_without_end_are_counted() -> None:
    if "uid" in await lost_walls():
        pytest.skip("threads are counted by user, and the child has none of its own here")
    program = (
        "import _thread\nlock = _thread.allocate_lock(); lock.acquire(); n = 0\n"
        "try:\n while True: _thread.start_new_thread(lock.acquire, ()); n += 1\n"
        "except RuntimeError: print(n)"
    )
    assert (await python(program, Limits(threads=4))).output.split() == [b"3"]


async def test_other_processes_are_out_of_reach() -> None:
    program = (
        f"import os\nfor act in (lambda: os.kill({os.getpid()}, 0), lambda: os.kill(-1, 9)):\n"
        " try: act()\n except PermissionError: print('no')\n"
        f"try: open('/proc/{os.getpid()}/environ').read()\nexcept PermissionError: print('no')"
    )
    expected = 3 if "uid" not in await lost_walls() else 2
    assert (await python(program)).output.split() == [b"no"] * expected


async def test_error_output_without_end_is_an_overrun() -> None:
    done = await python("import os\nwhile True: os.write(2, b'x' * 4096)")
    assert (done.end.how, len(done.end.errors)) == ("overrun", 4096)


async def test_output_without_end_is_an_overrun() -> None:
    done = await python("import os\nwhile True: os.write(1, b'x' * 4096)")
    assert (done.end.how, done.end.ok, len(done.output) <= SMALL.output) == ("overrun", False, True)


async def test_sleeper_is_timed_out() -> None:
    before = time.monotonic()
    done = await run("sleep", "60", limits=Limits(wall=0.2))
    assert (done.end.how, time.monotonic() - before < 4) == ("timeout", True)


async def test_time_in_which_nobody_looked_is_not_the_childs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(allowance, "monotonic", lambda: clock[0])
    sleeper = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        given = allowance.Allowance(sleeper.pid, wall=30)
        clock[0] = 1070.0  # stopped together with us, and then let go on
        assert (given.spent(), given.deadline) == (False, 1100.0)
        clock[0] = given.deadline
        while not given.spent():  # noqa: ASYNC110 # until it has started, which is work and tells nobody
            await asyncio.sleep(0.01)
    finally:
        sleeper.kill()
        await sleeper.wait()


async def test_busy_loop_uses_up_its_cpu() -> None:
    assert (await python("while True: pass", Limits(cpu=1, wall=30))).end.how == "cpu"


async def test_memory_is_bounded() -> None:
    assert (await python("try: bytearray(2**29)\nexcept MemoryError: print('no')")).output == b"no\n"


async def test_crash_is_a_signal_of_its_own() -> None:
    done = await python("import os\nos.abort()")
    assert (done.end.how, done.end.code) == ("signal", signal.SIGABRT)
    done = await python("import ctypes\nctypes.string_at(0)")
    assert (done.end.how, done.end.code) == ("signal", signal.SIGSEGV)
    with pytest.raises(Damaged):
        done.end.require()


@pytest.mark.parametrize(
    ("program", "raised"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", InterruptedError),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", InterruptedError),
        ("raise SystemExit(127)", ToolMissing),
    ],
    ids=["out-of-memory", "machine-stops", "library-missing"],
)
async def test_tool_that_the_machine_ended_is_no_end_of_the_file(program: str, raised: type[OSError]) -> None:
    with pytest.raises(raised):
        await python(program)


async def test_failure_is_an_exit_status() -> None:
    done = await python("raise SystemExit(7)")
    assert (done.end.how, done.end.code) == ("exit", 7)


async def test_folder_is_empty_private_and_bounded() -> None:
    if "disk" in await lost_walls():
        pytest.skip("this machine grants no folder of its own")
    program = (
        "import os\nprint(os.listdir()); print(oct(os.stat('.').st_mode))\n"
        "open('a', 'wb').write(bytes(2**15)); print(os.listdir())\n"
        "try:\n for n in range(99): open(str(n), 'wb').write(bytes(2**16))\n"
        "except OSError as e: print(e.errno)"
    )
    said = (await python(program)).output.decode().split("\n")
    assert said == ["[]", "0o40700", "['a']", "28", ""]


async def test_nothing_lies_in_the_machine_that_a_kill_could_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> str:
        raise AssertionError("a folder on the disk")

    monkeypatch.setattr(os, "mkdir", refused)
    before = os.listdir(FOLDER)
    async with child("cat", "-", limits=SMALL, stdin=endless()) as running:
        async for _ in running.output():
            break
        assert os.listdir(FOLDER) == before


async def test_file_larger_than_allowed_is_an_overrun() -> None:
    done = await run("dd", "if=/dev/zero", "of=a", "bs=1M", "count=1", limits=SMALL)
    assert done.end.how == "overrun"


async def test_nothing_is_written_outside(open_to_all: Path) -> None:
    if "disk" in await lost_walls():
        pytest.skip("this machine grants no read-only view")
    program = (
        f"for f in ({str(open_to_all)!r}, '/tmp', '/dev/shm', '/var/tmp'):\n"
        " try: open(f + '/x', 'w')\n except OSError: print('no')"
    )
    assert (await python(program)).output.split() == [b"no"] * 4


async def test_environment_and_descriptors_are_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHUMENG_SECRET", "secret")
    program = "import os\nprint(sorted(os.environ)); print(sorted(os.listdir('/proc/self/fd'))[:-1])"
    names, descriptors = (await python(program)).output.decode().split("\n")[:2]
    assert (names, descriptors) == ("['LANG', 'LC_ALL', 'PATH', 'TZ']", "['0', '1', '2']")


async def test_descriptor_is_read_by_name_and_as_input() -> None:
    descriptor = os.memfd_create("archive")
    try:
        os.write(descriptor, b"abc")
        assert (await run("cat", f"/dev/fd/{descriptor}", files=[descriptor])).output == b"abc"
        os.lseek(descriptor, 0, os.SEEK_SET)
        assert (await run("cat", stdin=descriptor)).output == b"abc"
    finally:
        os.close(descriptor)


async def test_store_that_fails_is_no_end_of_the_child() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError("store away")

    with pytest.raises(ConnectionResetError, match="store away"):
        await run("cat", stdin=broken())


async def test_store_that_is_slow_is_no_fault_of_the_child() -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.3)
            yield b"x"

    done = await run("cat", limits=Limits(wall=0.5), stdin=slow())
    assert (done.output, done.end.ok) == (b"xxx", True)


async def test_reader_that_is_slow_is_no_fault_of_the_child() -> None:
    async with child("cat", limits=Limits(wall=0.5), stdin=bytes(2**22)) as tool:
        async for _ in tool.output():
            await asyncio.sleep(0.1)
        assert (await tool.end()).ok


async def test_child_that_somebody_stopped_is_not_timed_out() -> None:
    reading, writing = os.pipe()
    async with child("cat", limits=Limits(wall=0.3), stdin=reading) as tool:
        os.kill(tool.process.pid, signal.SIGSTOP)
        ending = asyncio.ensure_future(tool.end())
        await asyncio.wait([ending], timeout=1)
        assert not ending.done()
        os.close(writing)
        os.kill(tool.process.pid, signal.SIGCONT)
        assert (await ending).ok
    os.close(reading)


async def test_reader_that_has_enough_leaves_nothing_behind() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(2**18)

    async with child("cat", limits=SMALL, stdin=endless()) as tool:
        async for _ in tool.output():
            break
    assert tool.process.returncode == -signal.SIGKILL
    assert len(asyncio.all_tasks()) == 1


async def test_cancelled_reader_kills_the_child() -> None:
    started: asyncio.Future[asyncio.subprocess.Process] = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        async with child("sleep", "60") as tool:
            started.set_result(tool.process)
            await tool.end()

    waiting = asyncio.create_task(wait())
    process = await started
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert process.returncode == -signal.SIGKILL


async def test_missing_tool_is_the_operators_fault() -> None:
    with pytest.raises(ToolMissing):
        await run("no-such-tool")


async def test_jail_that_does_not_shut_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.media.inspect.child.LAUNCH", "raise SystemExit(1)")
    with pytest.raises(NoJail):
        await run("true")
