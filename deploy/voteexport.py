"""Writes the votes of the stream into a Parquet file: typed columns, each vote once, the whole file or none.

It imports pyarrow, which takes its time: only whoever exports imports this.
"""

import errno
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow
from pyarrow.parquet import ParquetWriter

from chassis.streams import Place, body
from contracts.events.voting import VoteCast
from contracts.ids import BallotId, CampaignId
from deploy.progress import Told
from deploy.votestream import entries
from services.voting import rules

FIELDS: Final = tuple(VoteCast.model_fields)
FEW: Final = ["campaign", "revision", "entry", "channel"]
"""Columns with few values, which a dictionary makes small."""
TYPES: Final = {"offset": pyarrow.int64(), "at": pyarrow.timestamp("ms", tz="UTC")}
COLUMNS: Final = pyarrow.schema([(name, TYPES.get(name, pyarrow.string())) for name in ("offset", *FIELDS)])
"""The offset a vote lies at, and the fields of VoteCast."""
ROW_GROUP: Final = 65_536
"""Votes of a row group; so many are in memory at a time."""
BLOCK: Final = 1 << 16


class Seen:
    """Tells a ballot that was met before, in one bit for each, so that 30 million take some 4 MB.

    The broker drops what it has of a producer's numbers, but a stream may still repeat a ballot: appended under another
    producer's name, or after the broker forgot the name. A ballot's id is its book and its number there, which only the
    one process that holds the book gives, counting up (`services.voting.rules.ballot_id`): equal book and number are
    the same ballot.
    """

    def __init__(self) -> None:
        self._bits: defaultdict[tuple[str, int], bytearray] = defaultdict(lambda: bytearray(BLOCK // 8))

    def before(self, ballot: BallotId) -> bool:
        """Whether it was asked about before."""
        block, place = divmod(rules.number_of(ballot), BLOCK)
        bits, mask = self._bits[rules.book_of(ballot), block], 1 << place % 8
        met = bool(bits[place // 8] & mask)
        bits[place // 8] |= mask
        return met


class VoteFile:
    """The votes of a Parquet file that is being written."""

    def __init__(self, writer: ParquetWriter) -> None:
        self._writer, self._seen = writer, Seen()
        self._rows: list[tuple[Any, ...]] = []
        self._values = attrgetter(*FIELDS)
        self.votes = self.repeats = 0

    def add(self, offset: int, vote: VoteCast) -> None:
        """Take a vote, unless it is there already."""
        if self._seen.before(vote.ballot):
            self.repeats += 1
            return
        self.votes += 1
        self._rows.append((offset, *self._values(vote)))
        if len(self._rows) == ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what was taken as a row group."""
        if self._rows:
            columns = zip(zip(*self._rows, strict=True), COLUMNS, strict=True)
            arrays = [pyarrow.array(values, field.type) for values, field in columns]
            self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=COLUMNS))
            self._rows = []


@contextmanager
def vote_file(file: BinaryIO) -> Iterator[VoteFile]:
    """Parquet into an open file; OSError where there is no room for it."""
    with ParquetWriter(file, COLUMNS, compression="zstd", use_dictionary=FEW) as writer:
        votes = VoteFile(writer)
        yield votes
        votes.flush()


@contextmanager
def whole(target: Path, force: bool) -> Iterator[BinaryIO]:
    """A file that gets its name when all of it is on the disk, and is gone when that does not come to pass.
    FileExistsError where the name is taken, unless `force` replaces what has it."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists() and not force:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


async def export_votes(url: str, start: Place, campaign: CampaignId | None, file: BinaryIO, told: Told) -> VoteFile:
    """Write what the stream holds from `start` to its present end, of one campaign or all. ConnectionError where the
    broker is away."""
    with vote_file(file) as votes:
        done, total = 0, Counter[str]()
        async for partition, found, end in entries(url, start):
            for entry in found:
                vote = VoteCast.model_validate_json(body(entry.message))
                if campaign is None or vote.campaign == campaign:
                    votes.add(entry.offset, vote)
            total.setdefault(partition, end + 1 - found[0].offset)
            done += len(found)
            told(done, total.total())
    return votes
