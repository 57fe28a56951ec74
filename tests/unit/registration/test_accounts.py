"""What an account needs, how its password is kept."""

import time

import pytest

from services.registration.accounts.passwords import Passwords
from services.registration.accounts.rules import normalised


@pytest.mark.parametrize("written", [" Teacher@Example.ORG ", "ｔｅａｃｈｅｒ＠ｅｘａｍｐｌｅ．ｏｒｇ"])
def test_email_has_one_spelling(written: str) -> None:
    assert normalised(written) == "teacher@example.org"


async def test_password_matches_its_own_hash_alone() -> None:
    passwords = Passwords()
    kept = await passwords.hashed("correct horse")
    assert [await passwords.matches(kept, tried) for tried in ("correct horse", "battery staple")] == [True, False]
    assert await passwords.matches(None, "nobody's password") is False
    assert await passwords.matches("no hash at all", "correct horse") is False


async def test_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    kept = await passwords.hashed("correct horse")

    async def fastest(hashed: str | None) -> float:
        took = []
        for _ in range(8):
            started = time.process_time()  # of this process, however busy the machine is with others
            await passwords.matches(hashed, "battery staple")
            took.append(time.process_time() - started)
        return min(took)

    assert 0.4 < await fastest(None) / await fastest(kept) < 2.5
