"""Inspects packages where they lie: `probe.measure` reads facts from a `source.Source`, `rules.judge` holds them
against a slot of the rulebook. Nothing is unpacked to disk; memory, reads and inflated bytes are bounded."""
