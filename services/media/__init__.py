"""Media owns upload tickets, the files that came in for them, and what was found in each.
It hears what registration and the provinces say of an entry, and, in its worker, its own `MaterialUploaded`.
It tells `MaterialUploaded` and `MediaValidated`."""
