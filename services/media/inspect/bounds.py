"""How much any one package may cost, whatever it claims. Honest packages of 300 MB stay far below each."""

from typing import Final

ENTRIES: Final = 2_000
"""Entries of an archive, folders and leftovers included."""
FILES: Final = 300
"""Files of an archive that are looked into."""
DOCUMENTS: Final = 20
"""Documents or videos of an archive that are looked into where the rulebook sets no limit of its own."""
FINDINGS: Final = 20
"""Findings of one rule; more of the same would not be read."""
DIRECTORY: Final = 4 * 2**20
"""Bytes of an archive's directory."""
INFLATED: Final = 2**30
"""Bytes all members of an archive may inflate to."""
RATIO: Final = 50
"""How many times its own size an archive may inflate to, once past `RATIO_FREE`."""
RATIO_FREE: Final = 64 * 2**20
"""Bytes an archive may inflate to whatever its size."""
DICTIONARY: Final = 2**28
"""Bytes a RAR may make its unpacker look back."""
MOVIE: Final = 16 * 2**20
"""Bytes of an mp4's `moov`, and of all fragment headers together."""
TRACKS: Final = 100
"""Tracks of an mp4."""
TRIED: Final = 24
"""Videos and pictures of a package that are tried in a decoder; of the others the headers are read."""
FRAME: Final = 40_000_000
"""Pixels of one picture of a video: 8K."""
DECODED: Final = 80_000_000_000
"""Pixels decoded of all videos of a package: eleven minutes of 1080p at 60 frames a second. Beyond that it is said how
far decoding went, and nothing is held against a film that is merely long and large."""
QUICK: Final = 256_000_000
"""Pixels of videos, and as many of pictures, that are decoded before a first verdict: a minute and a half of slides at
1080p with sound, or ten photographs of 12 megapixels, some 0.4 s."""
PICTURE: Final = 4_000_000_000
"""Pixels one picture may count as: the largest, progressive in ten scans."""
PICTURES: Final = 12_000_000_000
"""Pixels all pictures of a package may count as: twice what fits into it of the largest that cameras make."""
EDITS: Final = 1_000
"""Edits of a track: cuts that a camera or a phone's editor left."""
SAMPLES: Final = 1_000_000
"""Samples of a track: nine hours at 30 frames a second."""
BOXES: Final = 20_000
"""Boxes at the top of an mp4, or inside one box."""
TEXT: Final = 16 * 2**20
"""Bytes of XML that are read of a document."""
ELEMENTS: Final = 250_000
"""Elements in the XML that is read of a document."""
ATTRIBUTES: Final = 600_000
"""Attributes of these."""
DEPTH: Final = 200
"""Depth of elements in a document's XML."""
LETTERS: Final = 1_000_000
"""Letters of a document's text."""
FIELDS: Final = 10_000
"""Fields of a document."""
CODES: Final = 1_000_000
"""Letters of the codes of all its fields; what keeps a citation in one writes some thousand."""
REFERENCES: Final = 10_000
"""References of a document's parts to each other and to what is outside, links included."""
PICTURE_HEADER: Final = 16 * 2**20
"""Bytes before a JPEG's frame header."""
PICTURE_SEGMENTS: Final = 2_000
"""Segments and bytes of fill before a JPEG's picture."""
PIXELS: Final = 250_000_000
"""Pixels of one picture: more than any camera takes."""


def inflated(archive: int) -> int:
    """The most bytes an archive of this size may inflate to."""
    return min(INFLATED, max(RATIO_FREE, RATIO * archive))
