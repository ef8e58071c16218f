"""Shots as CSV (RFC 4180, UTF-8): exact times for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io

from stills.render.timelines.shotlist import ShotList, frame_spans
from stills.render.timelines.timecode import timecode

COLUMNS = (
    "number",
    "start",
    "end",
    "length",
    "start_pts",
    "end_pts",
    "start_frame",
    "end_frame",
    "start_timecode",
    "end_timecode",
    "transition_in",
    "transition_start",
    "transition_end",
)


class CsvTable:
    """``shots.csv``: a row a shot. Seconds have six decimals, ends are exclusive.

    Frame numbers and time codes are left empty where the frame rate varies: frames are not evenly spaced then.
    """

    name = "csv"
    file = "shots.csv"

    def render(self, shots: ShotList) -> bytes:
        """The table with a header line."""
        text = io.StringIO()
        rows = csv.writer(text)  # CRLF, as the RFC says
        rows.writerow(COLUMNS)
        constant = shots.video.frame_rate is not None and not shots.video.variable_frame_rate
        for row, span in zip(shots.shots, frame_spans(shots), strict=True):
            frames = span if constant else ("", "")
            codes = [timecode(frame, shots.rate) for frame in span] if constant else ("", "")
            seconds = [f"{value:.6f}" for value in (row.start, row.end, row.end - row.start)]
            gradual = [f"{value:.6f}" for value in (row.transition_start, row.transition_end)]
            rows.writerow([
                row.number, *seconds, row.start_pts, row.end_pts, *frames, *codes, row.transition_in, *gradual,
            ])  # fmt: skip
        return text.getvalue().encode()

    def notes(self, shots: ShotList) -> list[str]:
        """Nothing is lost."""
        return []
