"""What every run of ffmpeg has in common: how it is kept to few threads, and how it says that the machine failed it."""

from typing import Final

from services.media.inspect.child import End

ONE_FILTER_THREAD: Final = ("-filter_threads", "1")
ONE_THREAD: Final = ("-threads", "1")
"""For each input and each output. By itself ffmpeg starts as many as there are processors, for each of the three, and
that is more than its jail lets it where there are many."""


def blame(end: End, *ours: int) -> None:
    """OSError where it was one of these errors of the machine that ended ffmpeg: it ends with 256 less its number."""
    number = 256 - end.code
    if end.how == "exit" and number in ours:
        raise OSError(number, f"{end.measured}: {end.errors[-200:]}", end.tool)
