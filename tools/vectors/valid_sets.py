"""Valid vectors: sets of models (SPEC.md clauses 6.9, 7.4 and 8.6)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import ONE, copied, difference, f32, full, grid_model, levels_only, plain, second_model
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Edit, Group, Term, exact
from tools.vectors.prediction import differing
from tools.vectors.set_draft import SetDraft


def successor(parent: Draft, *levels: int) -> Draft:
    """A model predicted from `parent`, which has one tensor w of 2 x 2: by `levels` of step 1 more."""
    item = differing([parent.items[0]], difference("w", "float32", (2, 2), levels), ONE)
    return Draft([item], [Group(ONE)], parents=[parent.content_id])


def unchanged(parent: Draft) -> Draft:
    """A model that is its parent, by a table of no bytes."""
    items = [copied(item.name, item, place + 1) for place, item in enumerate(parent.items)]
    draft = Draft(items, parents=[parent.content_id], topology=parent.topology)
    return replace(draft, topology_parent=1, table_parent=1)


def named(*names: str) -> SetDraft:
    """A set of models of one byte each, all different, under these names."""
    models = [Draft([exact("a", "uint8", (1,), bytes([place]))], [Group()]) for place in range(len(names))]
    return SetDraft(list(zip(names, models, strict=True)))


def scalars(count: int) -> Draft:
    """A model of so many tensors without elements."""
    return Draft([exact(f"{place}", "uint8", (0,), b"") for place in range(count)], [Group()])


@valid("6.9", "8.6", "R-7.4.1", "R-7.4.5", "R-7.4.7")
def set_of_two() -> SetDraft:
    """Two models that have nothing to do with each other."""
    return SetDraft([("bytes", plain()), ("levels", levels_only())])


@valid("6.9", "8.6", "B.3")
def set_in_its_own_order() -> SetDraft:
    """The order of a set is that of its streams, not that of the names."""
    return SetDraft([("z", levels_only()), ("m", full()), ("a", plain())])


@valid("8.6", "8.3")
def set_difference() -> SetDraft:
    """The second model is predicted from the first, which nothing but the set holds."""
    old = second_model()
    return SetDraft([("old", old), ("new", successor(old, 1, -2, 3, -4))])


@valid("8.6", "8.3")
def set_chain() -> SetDraft:
    """Three models, each predicted from the one before."""
    first = second_model()
    second = successor(first, 1, 2, 3, 4)
    return SetDraft([("1", first), ("2", second), ("3", successor(second, -5, 6, -7, 8))])


@valid("8.6", "8.3")
def set_star() -> SetDraft:
    """Two models are predicted from the first; one that is not stands between."""
    first = second_model()
    others = [("b", successor(first, 1, 1, 1, 1)), ("other", plain()), ("c", successor(first, 2, 2, 2, 2))]
    return SetDraft([("a", first), *others])


@valid("8.6", "8.3", refs=("reference-second",))
def set_parent_outside() -> SetDraft:
    """Both models are predicted from one that is no member: it is given as a reference."""
    outside = second_model()
    return SetDraft([("a", successor(outside, 1, 2, 3, 4)), ("b", successor(outside, 4, 3, 2, 1))])


@valid("8.6", "8.3", refs=("reference-second",))
def set_parents_inside_and_outside() -> SetDraft:
    """A model with two parents: the average of a member and of a reference model, and what is left."""
    outside = second_model()
    inside = Draft([exact("w", "float32", (2, 2), f32(1, 2, 3, 4))], [Group()])
    item = difference("w", "float32", (2, 2), (1, 0, -1, 2), Term(0), Term(1))
    item = differing([inside.items[0], outside.items[0]], item, ONE)
    both = Draft([item], [Group(ONE)], level=1, parents=[inside.content_id, outside.content_id])
    return SetDraft([("inside", inside), ("both", both)], level=1)


@valid("8.6", "8.3", refs=("reference-second",))
def set_parent_inside_and_given() -> SetDraft:
    """The parent is a member, and is given as a reference too: it is the same model."""
    old = second_model()
    return SetDraft([("old", old), ("new", successor(old, 2, 2, 2, 2))])


@valid("8.6", "8.3", refs=("reference-second",))
def set_parent_later_and_given() -> SetDraft:
    """The parent is given as a reference, and is a later member too: it does not matter where it stands."""
    old = second_model()
    return SetDraft([("new", successor(old, 2, 0, 0, 2)), ("old", old)])


@valid("6.9", "R-7.4.4")
def set_of_the_same_model_twice() -> SetDraft:
    """The same stream under two names."""
    return SetDraft([("one", plain()), ("two", plain())])


@valid("8.6", "7.3", "5.3")
def set_of_an_unchanged_model() -> SetDraft:
    """The second model is its parent without a change: both have one content id."""
    return SetDraft([("old", second_model()), ("new", unchanged(second_model()))])


@valid("8.6", "5.3")
def set_parent_twice() -> SetDraft:
    """The parent is there under two names, once by a table of no bytes: either will do."""
    old = second_model()
    return SetDraft([("old", old), ("again", unchanged(old)), ("new", successor(old, 1, 0, 0, -1))])


@valid("8.6", "6.6.4", "6.4", "7.3")
def set_inherited() -> SetDraft:
    """Tensor table and topology are those of the first member; a tensor is inserted."""
    old = full()
    kept = unchanged(old)
    fresh = exact("fresh", "uint8", (2,), b"\1\2")
    new = replace(kept, items=[fresh, *kept.items], groups=[Group()], edits=[Edit(wire.INSERT, 0, fresh)])
    return SetDraft([("old", old), ("new", new)])


@valid("8.6", "6.6.4", "7.3")
def set_inherited_chain() -> SetDraft:
    """Three models by tables that are inherited one from the other, a tensor less each time."""
    first = grid_model()
    second = _without_first(first)
    return SetDraft([("1", first), ("2", second), ("3", _without_first(second))])


def _without_first(parent: Draft) -> Draft:
    kept = unchanged(parent)
    return replace(kept, items=kept.items[1:], edits=[Edit(wire.DELETE)])


@valid("R-7.4.6", "A.1")
def set_of_two_profiles() -> SetDraft:
    """A set of profile MAIN holds models of both profiles."""
    return SetDraft([("base", replace(levels_only(), profile=wire.BASELINE)), ("main", plain())])


@valid("R-7.4.6", "A.1")
def set_of_profile_baseline() -> SetDraft:
    """A set of profile BASELINE, its second model predicted from the first."""
    old = replace(second_model(), profile=wire.BASELINE)
    new = replace(successor(old, 3, 2, 1, 0), profile=wire.BASELINE)
    return SetDraft([("old", old), ("new", new)], profile=wire.BASELINE)


@valid("R-7.4.6", "A.1")
def set_of_profile_main_for_baseline() -> SetDraft:
    """A set may have a higher profile than any of its models."""
    return SetDraft([("a", replace(plain(), profile=wire.BASELINE)), ("b", replace(scalars(2), profile=wire.BASELINE))])


def _declare_levels() -> None:
    for level in (1, 2, 3, 4):

        def make(level: int = level) -> SetDraft:
            return SetDraft([("a", replace(plain(), level=level - 1)), ("b", scalars(1))], level=level)

        make.__name__ = f"set_of_level_{level}"
        make.__doc__ = f"A set may have a higher level than any of its models: {level}."
        valid("R-7.4.6", "A.2")(make)


_declare_levels()


@valid("R-7.4.6", "A.2")
def set_of_models_of_every_level() -> SetDraft:
    """Five models, of levels 4 to 0, in a set of level 4."""
    return SetDraft([(f"level {level}", replace(plain(), level=level)) for level in (4, 3, 2, 1, 0)], level=4)


@valid("6.9", "6.3", "R-7.4.1")
def set_ancillary_before_index() -> SetDraft:
    """Ancillary units, one of them empty, between start and index: they are skipped."""
    return replace(set_of_two(), extra={"index": wire.unit(128, b"") + wire.unit(255, b"hello")})


@valid("6.9", "6.3", "R-7.4.1")
def set_ancillary_that_looks_like_an_index() -> SetDraft:
    """The payload of an ancillary unit before the index is a whole index unit; it must not be looked into."""
    return replace(set_of_two(), extra={"index": wire.unit(200, wire.unit(wire.INDEX, wire.leb(0)))})


@valid("6.9", "6.3")
def set_ancillary_in_a_member() -> SetDraft:
    """Ancillary units within a member are its own."""
    member = replace(plain(), extra={"parameters": wire.unit(130, b"x"), "end": wire.unit(131, b"")})
    return SetDraft([("a", member), ("b", scalars(1))])


@valid("6.9", "6.2")
def set_of_features() -> SetDraft:
    """Features that do not hinder decoding, in the set and in a member, each by itself."""
    masks = {"start.rewrite_features": wire.leb(2), "start.compatible_features": wire.leb(2**32 - 1)}
    member = replace(plain(), patches={"start.compatible_features": wire.leb(5)})
    return SetDraft([("a", member), ("b", scalars(1))], patches=masks)


@valid("R-7.4.3", "B.3")
def set_names_of_a_letter() -> SetDraft:
    """The shortest names, which differ only in case."""
    return named("a", "A")


@valid("R-7.4.3", "6.9", "B.3")
def set_names_of_255_bytes() -> SetDraft:
    """The longest names: of 255 letters, and of 85 characters of three bytes."""
    return named("n" * 255, "名" * 85)


@valid("R-7.4.3", "B.3")
def set_names_with_dots() -> SetDraft:
    """Names of dots that lead nowhere."""
    return named("...", "..a", "a..", ".a", "a.b", "a.")


@valid("R-7.4.3", "B.3")
def set_names_that_need_quotes() -> SetDraft:
    """Names with spaces, percent signs, quotes, stars and leading dashes."""
    return named(" ", "a b", "%41", "-o", "'\"", "*?", "$HOME", "~")


@valid("R-7.4.3", "R-7.4.4", "B.3")
def set_names_that_normalise_alike() -> SetDraft:
    """Names that differ only before normalisation are distinct."""
    return named("caf\u00e9", "cafe\u0301", "\u2126", "\u03a9")


@valid("R-7.4.3", "B.3")
def set_names_beyond_ascii() -> SetDraft:
    """Characters that are no controls of R-7.4.3: U+0080, a line separator, a full-width slash, the last code point."""
    return named("\u0080", "\u2028", "a\uff0fb", "\U0010ffff", "🙂")


@valid("6.9", "R-7.4.7", "5.2")
def set_of_empty_models() -> SetDraft:
    """Models without tensors: all totals are zero."""
    return SetDraft([("a", Draft()), ("b", Draft())])


@valid("6.9", "R-7.4.7")
def set_with_an_empty_model() -> SetDraft:
    """A model without tensors between others."""
    return SetDraft([("a", plain()), ("b", replace(Draft(), topology=(wire.ONNX, b"graph"))), ("c", levels_only())])


@valid("6.9", "A.2")
def set_of_eight() -> SetDraft:
    """The most models that level 0 allows."""
    return named(*"abcdefgh")


@valid("6.9", "A.2")
def set_of_nine_of_level_1() -> SetDraft:
    """One model more than level 0 allows."""
    return replace(named(*"abcdefghi"), level=1)


@valid("6.9", "A.2")
def set_of_32_of_level_1() -> SetDraft:
    """The most models that level 1 allows."""
    return replace(named(*(f"{place}" for place in range(32))), level=1)


@valid("A.2", "R-7.4.7")
def set_of_64_tensors() -> SetDraft:
    """The most tensors that level 0 allows, in two models."""
    return SetDraft([("a", scalars(31)), ("b", scalars(33))])


@valid("A.2", "R-7.4.6")
def set_of_65_tensors_of_level_1() -> SetDraft:
    """One tensor more than level 0 allows in a set; each of its models has level 0."""
    return SetDraft([("a", scalars(32)), ("b", scalars(33))], level=1)


@valid("6.9", "9.3", stable=False)
def set_of_compressed_models() -> SetDraft:
    """Models of slices under LZMA2."""
    data = bytes(300)
    model = Draft([exact("zeros", "uint8", (300,), data)], [Group(pack=wire.packed)])
    return SetDraft([("a", model), ("b", levels_only(pack=wire.packed))])
