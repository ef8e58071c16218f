"""Angles have the signs that ``types.Pose`` says, from the mesh and from five points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stills.vision import pose as module
from stills.vision.pose import FIVE_PITCH_BIAS, pose_from_five, pose_from_mesh


def turned(model, yaw, pitch, roll, *, scale=7.0):
    """Points of a rigid model in a picture (x right, y down, z away), turned as ``Pose`` says."""
    y, p, r = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return (model @ (about_y @ about_x @ about_z).T) * scale * [1, -1, -1] + [100, 80, 0]


def mesh(yaw, pitch, roll):
    points = np.zeros((478, 3))
    points[module._INDEX] = turned(module._MODEL, yaw, pitch, roll)
    return points


ANGLES = (st.floats(-75, 75), st.floats(-60, 60), st.floats(-80, 80))


@given(*ANGLES)
def test_the_mesh_gives_back_the_angles(yaw, pitch, roll):
    pose = pose_from_mesh(mesh(yaw, pitch, roll))
    np.testing.assert_allclose((pose.yaw, pose.pitch, pose.roll), (yaw, pitch, roll), atol=0.05)


@given(*ANGLES)
def test_five_points_give_back_the_angles(yaw, pitch, roll):
    pose = pose_from_five(turned(module._FIVE, yaw, pitch, roll)[:, :2])
    expected = (yaw, pitch - FIVE_PITCH_BIAS, roll)
    np.testing.assert_allclose((pose.yaw, pose.pitch, pose.roll), expected, atol=0.05)


def test_a_nose_to_the_right_of_the_picture_is_the_persons_left():
    points = np.array([[40, 50], [72, 50], [66, 70], [46, 90], [68, 90]], float)
    assert pose_from_five(points).yaw > 10


def test_the_right_eye_lower_in_the_picture_is_clockwise():
    points = np.array([[40, 45], [72, 55], [54, 72], [40, 88], [66, 96]], float)
    assert 10 < pose_from_five(points).roll < 25


@given(st.floats(0.1, 50), st.floats(-1000, 1000))
def test_size_and_place_do_not_matter(scale, shift):
    points = turned(module._FIVE, 20, 5, 10)[:, :2]
    one, other = pose_from_five(points), pose_from_five(points * scale + shift)
    np.testing.assert_allclose((one.yaw, one.pitch, one.roll), (other.yaw, other.pitch, other.roll), atol=1e-3)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_no_points_give_zeros(points):
    pose = pose_from_five(points)
    assert (pose.yaw, pose.pitch, pose.roll) == (0, 0, 0)
