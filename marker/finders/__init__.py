"""All finders, in their order: the first that has something to say says it."""

from marker.finders import depart, pairs, repair, sometimes, typed, unread, values

FINDERS = {
    "typed": typed.FINDER,
    "pairs": pairs.FINDER,
    "unread": unread.FINDER,
    "place": repair.FINDER,
    "sometimes": sometimes.FINDER,
    "values": values.FINDER,
    "depart": depart.FINDER,
}
