"""Numbered items of a record, some of them with other values: all else stays, in its order. Knows no record's own layout."""


def updated(items: list[tuple[int, bytes]], old: dict[int, bytes], new: dict[int, bytes]) -> list[tuple[int, bytes]]:
    """The items of a record whose known values were ``old`` and are ``new``.

    A number that only ``old`` has becomes the one that only ``new`` has, the lowest first: so an IPv4 address makes room for an IPv6 one.
    Values that changed and have no item yet come last, in the order of ``new``.
    """
    renamed = dict(zip(sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys()), strict=False))
    changed = {number: value for number, value in new.items() if old.get(number) != value}
    made = []
    for was, value in items:
        number = renamed.get(was, was)
        made.append((number, changed.get(number, value)))
    there = {number for number, _ in made}
    return made + [(number, value) for number, value in changed.items() if number not in there]
