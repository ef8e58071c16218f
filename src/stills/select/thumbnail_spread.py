"""Taking frames that differ: no near-duplicates, and many shots and people rather than one.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the next frame is the one with the best score after
what it shares with those taken is deducted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index
from stills.select.thumbnail_candidates import Candidates
from stills.select.tracks import FaceColumns, build_tracks


@dataclass(frozen=True, slots=True)
class Bounds:
    """When two frames count as one: their colours overlap by ``colors``, and the picture or the hash says so too.

    The tiny pictures correlate by ``picture``; by ``in_shot`` within a shot, where only what moved differs; by
    ``others`` where they show other people before the same ground. Or at most ``bits`` of the hash differ.
    """

    colors: float
    picture: float
    in_shot: float
    others: float
    bits: int


ALIKE = Bounds(0.90, 0.88, 0.75, 0.97, 10)
"""Two frames that show one thing: a talking head a moment later, a shot that the film returned to."""

SAME = Bounds(0.93, 0.975, 0.975, 0.99, 8)
"""Two frames that nobody would tell apart in a list; these are never both taken."""

SAME_PERSON = 0.45
"""Cosine similarity of two tracks' embeddings from which they are one person (as ``people.SIMILARITY``)."""

_LIKENESS, _SHOT, _PERSON = 0.15, 0.08, 0.20  # deductions: a picture as good as equal, of the same shot, person
_MOST = 2  # shared shots or people that are deducted at most: a film of one person has thumbnails of that person


class Spread:
    """How the finalists ``which`` resemble each other; ``thumbs`` (m, 36, 64) are their tiny pictures."""

    def __init__(self, index: Index, c: Candidates, which: NDArray[np.int64], thumbs: NDArray[np.uint8]) -> None:
        """Compare nothing yet."""
        self.duplicates = 0
        """Finalists left out as they are near one that was taken."""
        # Averaging 2 × 2 leaves what a viewer sees of a frame in a list, and makes comparing four times as fast.
        m, height, width = thumbs.shape
        small = thumbs.reshape(m, height // 2, 2, width // 2, 2).mean(axis=(2, 4), dtype=np.float32).reshape(m, -1)
        small -= small.mean(axis=1, keepdims=True)
        length = np.linalg.norm(small, axis=1, keepdims=True)
        self._thumbs = small / np.maximum(length, 1e-6)
        colors = c.colors[which].astype(np.float32)
        self._colors = colors / np.maximum(np.linalg.norm(colors, axis=1, keepdims=True), 1e-6)
        self._hash = c.hash[which]
        self._shot = c.shot[which]
        self._people, self._known = _shared_people(index, c, which)
        self._likenesses: dict[int, _Likeness] = {}

    def choose(self, scores: NDArray[np.float64], tier: NDArray[np.int64], count: int, runners_up: int) -> list[int]:
        """Places of the chosen and, behind them, of the runners-up, each by what it adds.

        Frames that merely show the same thing are taken where there are not enough others, by an earlier tier first.
        """
        chosen: list[int] = []
        for bounds in (ALIKE, SAME):
            for allowed in sorted({int(t) for t in tier}):
                self._take(chosen, scores, tier <= allowed, bounds, count)
        kept = len(chosen)
        if kept == count:
            self._take(chosen, scores, np.ones(len(scores), bool), ALIKE, count + runners_up)
            self._take(chosen, scores, np.ones(len(scores), bool), SAME, count + runners_up)
        return chosen

    def _take(
        self,
        chosen: list[int],
        scores: NDArray[np.float64],
        open_to: NDArray[np.bool_],
        bounds: Bounds,
        most: int,
    ) -> None:
        free = open_to.copy()
        loss = np.zeros(len(scores))
        likeness = np.zeros(len(scores))
        shots, people = np.zeros(len(scores)), np.zeros(len(scores))

        def note(taken: int) -> None:
            nonlocal likeness, free
            same, degree = self._compare(taken, bounds)
            free &= ~same
            likeness = np.maximum(likeness, degree)
            shots[:] += (self._shot == self._shot[taken]) & (self._shot >= 0)
            people[:] += self._people[taken]

        for taken in chosen:
            note(taken)
        while len(chosen) < most and free.any():
            loss = _LIKENESS * likeness + _SHOT * np.minimum(shots, _MOST) + _PERSON * np.minimum(people, _MOST)
            best = int(np.argmax(np.where(free, scores - loss, -np.inf)))
            chosen.append(best)
            note(best)
        self.duplicates = int((open_to & ~free).sum()) - len(chosen)

    def _compare(self, one: int, bounds: Bounds) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which finalists are near-duplicates of ``one`` (itself among them), and how alike each is, 0…1."""
        like = self._likenesses.get(one)
        if like is None:  # each that is taken is asked for again with every wider bound
            picture = self._thumbs @ self._thumbs[one]
            colors = self._colors @ self._colors[one]
            degree = np.clip(picture, 0.0, 1.0) * colors
            like = _Likeness(picture, colors, np.bitwise_count(self._hash ^ self._hash[one]), degree)
            self._likenesses[one] = like
        least = np.where((self._shot == self._shot[one]) & (self._shot >= 0), bounds.in_shot, bounds.picture)
        least = np.where(self._known & self._known[one] & ~self._people[one], bounds.others, least)
        same = (like.colors >= bounds.colors) & ((like.picture >= least) | (like.bits <= bounds.bits))
        same[one] = True
        return same, like.degree


@dataclass(frozen=True, slots=True)
class _Likeness:
    """What one finalist has in common with all (m,)."""

    picture: NDArray[np.float32]
    colors: NDArray[np.float32]
    bits: NDArray[np.uint8]
    degree: NDArray[np.float32]


def _shared_people(
    index: Index, c: Candidates, which: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which finalists show the same person, by their main faces (m, m), and of which it is known who they show (m,).

    Tracks are of one person by their embeddings, by the person stored in the place of those, else only with themselves.
    """
    f, m = c.faces, len(which)
    place = np.full(len(c), -1, np.int64)
    place[which] = np.arange(m)
    keep = f.main & (f.track >= 0) & (place[f.of] >= 0)
    if not keep.any():
        return np.zeros((m, m), bool), np.zeros(m, bool)
    tracks = build_tracks(FaceColumns.of(index))
    shown, column = np.unique(f.track[keep], return_inverse=True)
    vectors, person = tracks.vector[shown], tracks.person[shown]
    same = (vectors @ vectors.T >= SAME_PERSON) | ((person[:, None] == person[None, :]) & (person >= 0)[:, None])
    np.fill_diagonal(same, True)
    shows = np.zeros((m, len(shown)), np.float32)
    shows[place[f.of[keep]], column] = 1.0
    named = (tracks.weight[shown] > 0) | (person >= 0)
    known = shows.any(axis=1) & ~(shows[:, ~named] > 0).any(axis=1)
    return np.asarray(shows @ same.astype(np.float32) @ shows.T > 0), np.asarray(known)
