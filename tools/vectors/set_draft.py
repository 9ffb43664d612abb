"""Sets of models as plain data (SPEC.md clause 6.9), as `draft` has streams of one: every field open to surgery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.vectors import wire
from tools.vectors.draft import Draft, Fields, Item, Pack, Surgeon, assemble, build_start


@dataclass(frozen=True)
class SetDraft:
    """A set of models, or what pretends to be one: its members with their names, in order.

    patches: as those of a draft, for the fields of start, index and entry0, entry1, ...; members have their own.
    extra: bytes before "index", or before a member by its place ("0", "1", ...), which its stream_size then counts.
    post: what is done to the bytes of the finished set.
    """

    members: Sequence[tuple[str, Draft | SetDraft]]
    profile: int = wire.MAIN
    level: int = 0
    extra: Mapping[str, bytes] = field(default_factory=dict)
    patches: Mapping[str, bytes] = field(default_factory=dict)
    post: Pack | None = None

    @property
    def items(self) -> list[Item]:
        """The tensors of all members."""
        return [item for _, member in self.members for item in member.items]

    def models(self) -> list[tuple[str, Draft]]:
        """The members that are streams of one model."""
        return [(name, member) for name, member in self.members if isinstance(member, Draft)]


def assemble_set(draft: SetDraft) -> bytes:
    """The bytes of the set."""
    surgeon = Surgeon(draft.patches)
    streams = [
        draft.extra.get(str(place), b"") + (assemble_set(member) if isinstance(member, SetDraft) else assemble(member))
        for place, (_, member) in enumerate(draft.members)
    ]
    out = build_start(surgeon, draft.profile, draft.level, draft.items, len(draft.members))
    out += draft.extra.get("index", b"") + surgeon.seal("index", wire.INDEX, _index(surgeon, draft, streams))
    out += b"".join(streams)
    surgeon.finish()
    return draft.post(out) if draft.post else out


def _index(surgeon: Surgeon, draft: SetDraft, streams: Sequence[bytes]) -> Fields:
    fields = {"model_count": wire.leb(len(streams))}
    for place, (stream, (name, _)) in enumerate(zip(streams, draft.members, strict=True)):
        entry = surgeon.treat(f"entry{place}", {"name": wire.text(name), "stream_size": wire.leb(len(stream))})
        fields |= {f"entry{place}.{element}": value for element, value in entry.items()}
    return surgeon.treat("index", fields | {"tail": b""})
