"""Media owns upload tickets, the files that came in for them, what was found in each, and what of them is shown.
It hears what registration and the provinces say of an entry, and, in its worker, its own `MaterialUploaded`.
It tells `MaterialUploaded`, `MediaValidated` and `MaterialPublished`."""
