"""The one way to write JSON that is hashed or signed."""

import json
from typing import Any


def canonical_json(said: Any) -> bytes:
    """JSON with sorted keys and no blanks, in UTF-8."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
