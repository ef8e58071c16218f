"""Who gets how much of the screen: sums of people, time and poster area by what was inferred of them.

An estimate is not a fact, so nobody is put into one drawer. A label gets as much of a person's time as it is probable;
where nothing is known, all of it is ``unknown``. Then the sums are what is to be expected if the probabilities are
right (the expectation of a sum is the sum of expectations), and nobody's time is lost or counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist, median
from typing import Any

from stills.render.documents import Document, time_value

UNKNOWN = "unknown"

AGE_BANDS: tuple[tuple[float, str], ...] = (
    (10, "under 10"),
    (20, "10–19"),
    (30, "20–29"),
    (40, "30–39"),
    (50, "40–49"),
    (60, "50–59"),
    (70, "60–69"),
    (float("inf"), "70 and over"),
)
"""End (exclusive) and name of each band, in years: decades, as an estimate errs by some seven years."""

_WITHIN = 5.0
"""Years: an age's ``confidence`` is the probability of being right within them (``types.Estimate``)."""

_LEAST, _MOST = 0.16, 0.99
"""Probabilities that an age's deviation is taken from: beyond, it would be over 25 or under 2 years."""

_PEOPLE, _AREA = 3, 6


def age_deviation(confidence: float) -> float:
    """The standard deviation in years of an age whose probability to be right within five years is ``confidence``.

    That of the normal distribution with as much within five years of its mean.
    """
    inside = min(max(confidence, _LEAST), _MOST)
    return _WITHIN / NormalDist().inv_cdf((1 + inside) / 2)


def label_shares(estimate: Mapping[str, Any] | None) -> dict[str, float]:
    """How probable each label (or age band) is by an estimate as results hold it; the shares add up to 1."""
    if estimate is None or estimate["value"] is None:
        return {UNKNOWN: 1.0}
    value = estimate["value"]
    if not isinstance(value, str):
        return _bands(float(value), age_deviation(float(estimate["confidence"])))
    probabilities = {str(label): max(0.0, float(p)) for label, p in (estimate.get("probabilities") or {}).items()}
    total = sum(probabilities.values())
    if total > 0:
        return {label: p / total for label, p in probabilities.items()}
    known = min(max(float(estimate["confidence"]), 0.0), 1.0)
    return {value: known, UNKNOWN: 1 - known}


def label_sums(
    people: Sequence[Mapping[str, Any]], posters: Sequence[Mapping[str, Any]], attribute: str
) -> dict[str, dict[str, float]]:
    """For each label of ``attribute``: expected people, screen time (s), faces on posters and their area (shares).

    ``people`` and ``posters`` as a result holds them. A face on a poster counts by what is known of the person of the
    film that it was given to, a stranger's by what was inferred from the poster. Age bands come in order, labels in
    that of the model, ``unknown`` last.
    """
    sums: dict[str, dict[str, float]] = {}

    def add(shares: Mapping[str, float], **amounts: float) -> None:
        for label, share in shares.items():
            row = sums.setdefault(label, {"people": 0.0, "screen_time": 0.0, "poster_faces": 0.0, "poster_area": 0.0})
            for key, amount in amounts.items():
                row[key] += share * amount

    by_id = {}
    for person in people:
        shares = by_id[person["id"]] = label_shares(person["attributes"].get(attribute))
        add(shares, people=1.0, screen_time=float(person["screen_time"]))
    for face in (face for poster in posters for face in poster["faces"]):
        known = by_id.get(face["person"])
        shares = known if known is not None else label_shares(face["attributes"].get(attribute))
        add(shares, poster_faces=1.0, poster_area=float(face["area"]))
    bands = [name for _, name in AGE_BANDS]
    order = [*(name for name in bands if name in sums), *(n for n in sums if n not in bands and n != UNKNOWN)]
    order += [UNKNOWN] if UNKNOWN in sums else []
    return {label: sums[label] for label in order}


def cast_summary(
    people: Sequence[Mapping[str, Any]], posters: Sequence[Mapping[str, Any]], attributes: Iterable[str]
) -> Document:
    """The ``summary`` of a cast: counts, times, and the sums of :func:`label_sums` for each of ``attributes``."""
    times = [float(person["screen_time"]) for person in people]
    faces = [face for poster in posters for face in poster["faces"]]
    return {
        "people": len(people),
        "faces": sum(int(person["faces"]) for person in people),
        "screen_time": time_value(sum(times)),
        "median_screen_time": time_value(median(times)) if times else None,
        "anyone_on_screen": time_value(covered(span for person in people for span in person["spans"])),
        "posters": len(posters),
        "posters_unreadable": sum(poster["error"] is not None for poster in posters),
        "poster_faces": len(faces),
        "poster_people": len({face["person"] for face in faces} - {None}),
        "poster_strangers": sum(face["person"] is None for face in faces),
        "attributes": {name: _rounded(label_sums(people, posters, name)) for name in attributes},
    }


def covered(spans: Iterable[Sequence[float]]) -> float:
    """Seconds that lie in any of ``spans`` (start, end)."""
    total, until = 0.0, float("-inf")
    for start, end in sorted((float(s), float(e)) for s, e in spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _bands(mean: float, deviation: float) -> dict[str, float]:
    """A normal distribution cut into the bands; what lies below 0 and far above belongs to the outermost ones."""
    curve = NormalDist(mean, deviation)
    shares, below = {}, 0.0
    for end, name in AGE_BANDS:
        upto = 1.0 if end == float("inf") else curve.cdf(end)
        shares[name] = upto - below
        below = upto
    return shares


def _rounded(sums: Mapping[str, Mapping[str, float]]) -> Document:
    return {
        label: {
            "people": round(row["people"], _PEOPLE),
            "screen_time": time_value(row["screen_time"]),
            "poster_faces": round(row["poster_faces"], _PEOPLE),
            "poster_area": round(row["poster_area"], _AREA),
        }
        for label, row in sums.items()
    }
