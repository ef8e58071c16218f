"""The packet list: where decoding starts, what is shown, where cuts may hide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_factory import Movie, make, moving_picture
from stills.media.packets import NO_TIME, PacketIndex, PacketListBuilder
from stills.media.probe import probe_with_packets


class FakePacket:
    def __init__(self, pts, dts=None, *, key=False, discard=False, size=10, duration=1):
        self.pts, self.dts, self.size, self.duration = pts, dts, size, duration
        self.is_keyframe, self.is_discard = key, discard
        self.pos = None


def index_of(*packets: FakePacket) -> PacketIndex:
    builder = PacketListBuilder()
    for packet in packets:
        builder.add(packet)
    return builder.build()


def test_leading_frames_of_an_open_group_start_one_group_earlier():
    packets = index_of(
        FakePacket(0, key=True), FakePacket(2), FakePacket(1), FakePacket(6, key=True), FakePacket(4), FakePacket(5),
        FakePacket(7),
    )  # fmt: skip
    assert packets.gop_start(5) == 0
    assert packets.gop_start(6) == packets.gop_start(100) == 6
    assert packets.start_position(6) == 3
    assert packets.gop_start(-3) == 0
    assert packets.presentation_pts.tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_discarded_and_empty_packets_are_decoded_but_not_shown():
    packets = index_of(
        FakePacket(0, key=True, discard=True), FakePacket(1, discard=True), FakePacket(2), FakePacket(3, size=0)
    )
    assert packets.presentation_pts.tolist() == [2]
    assert packets.keyframe_pts.tolist() == []
    assert packets.gop_start(2) == 0


def test_missing_times_are_completed():
    packets = index_of(FakePacket(None, 5, key=True), FakePacket(None, None, duration=3), FakePacket(20))
    assert packets.pts.tolist() == [5, 6, 20]
    assert packets.dts.tolist() == [5, NO_TIME, NO_TIME]


def test_no_packets():
    packets = index_of()
    assert (len(packets), packets.end_pts, packets.frame_ticks, packets.gop_start(7)) == (0, 0, 0, 7)
    assert packets.suspected_cuts().size == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=60), st.integers(-5, 70))
def test_start_is_the_last_sync_sample_not_after(rows, wanted):
    packets = index_of(*[FakePacket(at, key=key, discard=kind == 0) for at, (key, kind) in enumerate(rows)])
    start = packets.start_position(wanted)
    keys = [at for at, (key, _) in enumerate(rows) if key and at <= wanted]
    assert start == (keys[-1] if keys else 0)


def test_frames_without_duration_end_after_the_usual_gap():
    packets = index_of(*[FakePacket(at * 40, key=at == 0, duration=0) for at in range(5)])
    assert packets.end_pts == 200


def test_cut_inside_a_group_is_suspected(tmp_path):
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 255, (96, 128, 3), np.uint8)

    def picture(index: int, width: int, height: int) -> np.ndarray:
        return moving_picture(index, width, height) if index < 60 else np.roll(noise, index // 4, axis=1)

    movie = Movie(frames=120, gop=250, options=(("sc_threshold", "0"),), picture=picture)
    info, packets = probe_with_packets(make(tmp_path / "a.mp4", movie))
    assert packets.keyframe_pts.tolist() == [0]
    suspected = [info.seconds(int(pts)) for pts in packets.suspected_cuts()]
    assert any(2.4 <= time <= 2.52 for time in suspected)
    assert sum(time < 2.3 for time in suspected) <= 3


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_sync_samples_of_real_files(tmp_path, name):
    _, packets = probe_with_packets(make(tmp_path / name, Movie(frames=36, gop=12, options=(("sc_threshold", "0"),))))
    assert np.diff(packets.keyframe_pts).tolist() == [12 * packets.frame_ticks] * 2
    assert packets.key[0]
