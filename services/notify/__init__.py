"""Owns: notices, who is told of what and whether it reached them.
Hears: AccountOpened, StudioRegistered, EntrySubmitted, MediaValidated, ProvinceApproved, ProvinceReturned,
AwardGranted, ResultsPublished. Tells: NoticeSent, NoticeFailed."""
