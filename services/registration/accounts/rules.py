"""What an account needs: an e-mail address, a password, and a region where its role has one."""

import re
import unicodedata

from services.registration import regions
from services.registration.accounts.models import Opening
from services.registration.models import Refusal

ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128


def normalised(email: str) -> str:
    """The one spelling of an e-mail address: without blanks around it, full-width letters narrow, lower case."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def refuses(opening: Opening) -> Refusal | None:
    """Why an account cannot be opened like this; None if it can."""
    email = normalised(opening.email)
    if not ADDRESS.fullmatch(email) or len(email) > 254:
        return _wrong("email", "邮箱地址格式不正确。", "This is no e-mail address.")
    if not SHORTEST_PASSWORD <= len(opening.password.get_secret_value()) <= LONGEST_PASSWORD:
        facts = f"{SHORTEST_PASSWORD}–{LONGEST_PASSWORD}"
        return _wrong("password", f"密码须为 {facts} 个字符。", f"A password has {facts} characters.")
    return _refuses_region(opening)


def _refuses_region(opening: Opening) -> Refusal | None:
    province, city = opening.province, opening.city
    if opening.role not in ("province", "city"):
        if province is None and city is None:
            return None
        return _wrong("province", "该角色不限定地区，请勿填写。", "This role has no region; leave it out.")
    if province is None or not regions.is_province(province):
        return _wrong("province", "请填写有效的省级行政区划代码。", "Give the GB/T 2260 code of a province.")
    if opening.role == "province":
        return _wrong("city", "省级管理员不填城市。", "A province's admin has no city.") if city else None
    if city is None or not regions.is_city_in(city, province):
        return _wrong("city", "请填写该省的市级行政区划代码。", "Give the GB/T 2260 code of a city in the province.")
    return None


def _wrong(field: str, zh: str, en: str) -> Refusal:
    return Refusal(f"{field}_wrong", zh, en, {"field": field}, status=422)
