"""New ids: UUIDv7, so that they sort by the time they were made."""

import uuid_utils


def new_id() -> str:
    """A fresh id in its 36-character text form."""
    return str(uuid_utils.uuid7())
