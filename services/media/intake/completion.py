"""Makes material of uploads that are whole, and brings to an end what was cut off in between."""

from dataclasses import dataclass
from datetime import datetime

from chassis.clock import Clock
from chassis.identity import Caller
from chassis.logs import log
from chassis.refusal import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.media import MaterialUploaded
from contracts.ids import TicketId
from services.media.intake import refusals, rules
from services.media.intake.models import Entry, Ticket
from services.media.intake.store import IntakeStore
from services.media.materials.models import Material
from services.media.materials.store import MaterialStore
from services.media.models import StoredPart, Whole
from services.media.objects import Packages
from services.media.queue.store import QueueStore


@dataclass(frozen=True)
class Completion:
    """The way from parts in the store to material."""

    transactions: Transactions
    store: IntakeStore
    materials: MaterialStore
    queue: QueueStore
    packages: Packages
    clock: Clock

    async def complete(self, caller: Caller, ticket_id: TicketId) -> Material:
        """All parts are sent: make one object of them, and material of it. May be asked again until it succeeds."""
        return await self.finish(await self._start(caller, ticket_id, self._now()))

    @transactional
    async def _start(self, tx: Transaction, caller: Caller, ticket_id: TicketId, now: datetime) -> Ticket:
        """Note the time this was asked at, which counts, before the store is asked anything."""
        ticket = await self.store.ticket_to_change(tx, ticket_id, rules.studio_of(caller.studio))
        if ticket is None:
            raise refusals.ticket_not_found()
        rules.require_completable(ticket, now)
        entry = await self.store.entry_to_change(tx, ticket.entry)
        if entry is not None:
            rules.require_open(entry, ticket.slot)
        started = {"state": "completing", "completing_at": ticket.completing_at or now}
        await self.store.change(tx, ticket.id, **started)
        return ticket.model_copy(update=started)

    async def rescue(self, ticket: Ticket) -> bool:
        """Make material of an upload that came whole in time though its studio did not say so: sending every byte is
        handing it in. False where it did not come whole, or cannot change its entry any more."""
        came = rules.came_whole(ticket, await self._stored(ticket))
        if came is None or (begun := await self._begin(ticket.id, came)) is None:
            return False
        try:
            await self.finish(begun)
        except Refused as error:
            log().info("not_rescued", ticket=ticket.id, reason=str(error)[:200])
            return False
        log().info("ticket_rescued", ticket=ticket.id, came=came.isoformat())
        return True

    async def _stored(self, ticket: Ticket) -> tuple[StoredPart, ...]:
        stored = await self.packages.parts(ticket.key, ticket.upload) if ticket.upload else None
        if not stored and rules.is_one_part(ticket):
            posted = rules.as_part(ticket, await self.packages.posted(ticket.key))
            return (posted,) if posted else ()
        return stored or ()

    @transactional
    async def _begin(self, tx: Transaction, ticket_id: TicketId, came: datetime) -> Ticket | None:
        """Note when the bytes of an open ticket were there, which counts; None where its studio was quicker."""
        ticket = await self.store.ticket_to_change(tx, ticket_id)
        if ticket is None or ticket.state != "open":
            return None
        started = {"state": "completing", "completing_at": rules.whole_ms(came)}
        await self.store.change(tx, ticket.id, **started)
        return ticket.model_copy(update=started)

    async def finish(self, ticket: Ticket) -> Material:
        """Bring a completion that was begun to its end, wherever it was cut off. Refused leaves the ticket open."""
        try:
            whole = await self._seal(ticket)
            material = await self._receive(ticket.id, whole)
        except Refused:
            await self.store.reopen(ticket.id)
            raise
        if material.ticket != ticket.id:
            await self.packages.discard(ticket.key, ticket.upload)
            raise refusals.newer_upload(material.id)
        if rules.is_one_part(ticket) and ticket.upload is not None:
            await self._clear(ticket, ticket.upload)
        log().info("material_uploaded", material=material.id, ticket=ticket.id, entry=ticket.entry, slot=ticket.slot)
        return material

    async def _seal(self, ticket: Ticket) -> Whole:
        """The one object the parts make. It may have been made before, by an attempt that died right after."""
        stored = await self.packages.parts(ticket.key, ticket.upload) if ticket.upload else None
        if not stored and rules.is_one_part(ticket) and await self._take_over(ticket):
            stored = None
        if stored is not None and ticket.upload is not None:
            stored = rules.one_each(ticket, stored)
            rules.require_whole(ticket, stored)
            await self.packages.seal(ticket.key, ticket.upload, stored)
        whole = await self.packages.find(ticket.key)
        if whole is None:
            raise refusals.parts_missing(tuple(rules.missing(ticket, ())))
        if whole.size != ticket.size:
            await self.packages.discard(ticket.key, None)
            raise refusals.size_differs(whole.size, ticket.size, tuple(rules.missing(ticket, ())))
        return whole

    async def _clear(self, ticket: Ticket, upload: str) -> None:
        """Leave nothing of the other way the file could have come; the sweep does what cannot be done now."""
        try:
            await self.packages.forget(ticket.key, upload)
        except ConnectionError as error:
            log().warning("store_away", ticket=ticket.id, error=repr(error)[:200])

    async def _take_over(self, ticket: Ticket) -> bool:
        """Whether a form sent the file; then it is the object now."""
        posted = await self.packages.posted(ticket.key)
        if posted is None or rules.as_part(ticket, posted) is None:
            return False
        await self.packages.take_over(ticket.key, posted)
        return True

    @transactional
    async def _receive(self, tx: Transaction, ticket_id: TicketId, whole: Whole) -> Material:
        """Make material of a whole object; where a newer ticket's is in already, that one is returned."""
        ticket = await self.store.ticket_to_change(tx, ticket_id)
        if ticket is None:
            raise refusals.ticket_not_found()
        rules.require_live(ticket)
        entry = await self.store.entry_to_change(tx, ticket.entry)
        if entry is None:
            raise refusals.entry_not_known_yet()
        rules.require_open(entry, ticket.slot)
        material = _material(ticket, entry, whole, ticket.completing_at or self._now())
        others = await self.materials.in_force(tx, ticket.entry, ticket.slot)
        if newer := next((other for other in others if other.age > material.age), None):
            await self.store.change(tx, ticket.id, state="superseded")
            return newer
        await self.materials.supersede(tx, others, material.id)
        await self.queue.drop(tx, [other.id for other in others])
        await self.materials.add(tx, material)
        await self.store.change(tx, ticket.id, state="completed", upload=None)
        tx.tell(_uploaded(material))
        tx.audit(f"ticket/{ticket.id}", "complete", material=material.id, etag=whole.object.etag)
        return material

    def _now(self) -> datetime:
        return rules.whole_ms(self.clock.now())


def _material(ticket: Ticket, entry: Entry, whole: Whole, uploaded_at: datetime) -> Material:
    return Material(
        id=ticket.material,
        ticket=ticket.id,
        entry=ticket.entry,
        slot=ticket.slot,
        studio=ticket.studio,
        campaign=ticket.campaign,
        revision=ticket.revision,
        track=ticket.track,
        province=ticket.province,
        title=entry.title,
        studio_name=entry.studio_name,
        object=whole.object,
        name=ticket.name,
        size=ticket.size,
        sha256=ticket.sha256,
        taken_at=ticket.taken_at,
        uploaded_at=uploaded_at,
    )


def _uploaded(material: Material) -> MaterialUploaded:
    return MaterialUploaded(
        at=material.uploaded_at,
        entry=material.entry,
        material=material.id,
        ticket=material.ticket,
        studio=material.studio,
        campaign=material.campaign,
        revision=material.revision,
        track=material.track,
        slot=material.slot,
        province=material.province,
        object=material.object,
        name=material.name,
        size=material.size,
        sha256=material.sha256,
        taken_at=material.taken_at,
    )
