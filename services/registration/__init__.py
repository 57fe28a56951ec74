"""Registration owns accounts, the certification of studios, and entries up to their submission.
Hears MaterialUploaded, MediaValidated, ProvinceApproved, ProvinceReturned.
Tells AccountOpened, StudioRegistered, EntryOpened, EntrySubmitted."""
