"""The overview of several casts in one report: who is on the screens of all films together, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from stills.render.distribution import AGE_BANDS
from stills.render.view_cast import FilmSums
from stills.render.view_distribution import RESAMPLES, Distribution, films_distribution, histogram
from stills.render.view_words import count, length, percent, running_time

MOST_FILMS = 300
"""Films in the table: a page must open. All count in the plots."""

_CLASSES = (
    (0, "nobody"),
    *((number, str(number)) for number in range(1, 6)),
    (9, "6–9"),
    (19, "10–19"),
    (0, "20 or more"),
)
"""Largest number of people and name of each class of films; the last has no end."""

_ORDER = ("age", "gender", "ethnicity", "emotion")


@dataclass(frozen=True, slots=True)
class FilmRow:
    """A film in the table."""

    name: str
    href: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class FilmsView:
    """All films: what they sum up to in words, plots, and a table with a row each."""

    facts: list[tuple[str, str]]
    distributions: list[Distribution]
    heads: tuple[str, ...]
    rows: list[FilmRow]
    note: str
    method: str
    inferred: bool


def films_view(films: Sequence[FilmSums]) -> FilmsView | None:
    """The overview of ``films``; None where there are not several."""
    if len(films) < 2:
        return None
    times = [time for film in films for time in film.times]
    posters = sum(film.posters for film in films)
    faces, strangers = sum(film.poster_faces for film in films), sum(film.strangers for film in films)
    facts = [
        ("Films", f"{len(films):,}"),
        ("Length in all", running_time(sum(film.duration for film in films))),
        ("People", f"{len(times):,}"),
        ("People per film", f"{median(film.people for film in films):g} (median)"),
        ("Screen time of a person", f"{length(median(times))} (median)" if times else "–"),
    ]
    if posters:
        facts.append(
            ("Posters", f"{posters:,} with {count(faces, 'face')}, {faces - strangers:,} of their film's people")
        )
    names = {name for film in films for name in film.attributes}
    plots = [_people_per_film(films)]
    for name in [*(n for n in _ORDER if n in names), *sorted(names.difference(_ORDER))]:
        measured = [film.attributes[name] for film in films if name in film.attributes]
        plot = films_distribution(name, measured, [band for _, band in AGE_BANDS])
        if plot is not None:
            plots.append(plot)
    heads = ("Length", "People", "Median time", "Anyone on screen", *(("Poster faces", "Strangers") if posters else ()))
    more = len(films) - MOST_FILMS
    return FilmsView(
        facts=facts,
        distributions=plots,
        heads=heads,
        rows=[_row(film, posters=posters > 0) for film in films[:MOST_FILMS]],
        note=f"The first {MOST_FILMS} films; {more:,} more count in the plots." if more > 0 else "",
        method=(
            "Screen: share of all screen time of all people, each counted by how probable a label is. 95 %: percentile "
            f"bootstrap over films ({RESAMPLES:,} resamples, always the same): how far the share would move with other "
            "films of this kind. Errors of the models themselves come on top."
            + (" Posters: share of the area of all faces on posters." if posters else "")
        )
        if names
        else "",
        inferred=bool(names),
    )


def _people_per_film(films: Sequence[FilmSums]) -> Distribution:
    counts = Counter(_class(film.people) for film in films)
    places = [name for _, name in _CLASSES]
    used = [places.index(name) for name in counts]
    shown = places[min(used) : max(used) + 1]
    return histogram("People per film", ("Films",), {name: counts[name] for name in shown}, len(films))


def _class(people: int) -> str:
    return next((name for most, name in _CLASSES[:-1] if people <= most), _CLASSES[-1][1])


def _row(film: FilmSums, *, posters: bool) -> FilmRow:
    anyone = percent(film.anyone / film.duration) if film.duration > 0 else "–"
    values = [
        running_time(film.duration),
        f"{film.people:,}",
        "–" if film.median is None else length(film.median),
        anyone,
    ]
    if posters:
        values += [f"{film.poster_faces:,}", f"{film.strangers:,}"] if film.posters else ["–", "–"]
    return FilmRow(film.name, film.href, values)
