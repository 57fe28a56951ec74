"""Who may apply, and how they become certified."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.rulebook.clause import Clause, Key, Text
from contracts.rulebook.material import FormField

ApplicantForm = Literal["studio", "unit", "city", "account", "person"]
"""What an applicant is to the platform: a certified studio, a unit, a city, a media account, or one person."""


class ApplicantKind(Clause):
    """One kind of applicant the rulebook admits, in the notice's words."""

    id: Key
    form: ApplicantForm
    title: Text


class CertificationStep(Clause):
    """One page of the certification form; it is saved by itself before the next one opens."""

    id: Key
    title: Text
    fields: Annotated[tuple[FormField, ...], Field(min_length=1)]


class Certification(Clause):
    """How an applicant becomes certified: step by step, then one submission after which nothing can be edited
    unless the deciding authority returns it."""

    steps: Annotated[tuple[CertificationStep, ...], Field(min_length=1)]
    region_locked: bool
    """Province and city are chosen once and never change."""
    editable_after_submission: bool
    once: bool
    """An applicant is certified at most once."""


class Applicants(Clause):
    """Who may apply; `certification` is None where nobody has to be certified first."""

    kinds: Annotated[tuple[ApplicantKind, ...], Field(min_length=1)]
    certification: Certification | None = None
