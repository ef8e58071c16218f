"""Stand-ins for detectors whose weights cannot be fetched: upstream's inputs and outputs, red squares for faces.

The score of a cell of 8 × 8 pixels is its mean of red less green, times ``PEAK``; a face's box and points lie at fixed
distances from the cell. Only the finest stride finds anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stills.models import open_session
from stills.models.openvino_session import OpenVinoSession
from stills.vision import make_detector, stack_of

PEAK = 0.9
STRIDES = (8, 16, 32)
LEFT, TOP, RIGHT, BOTTOM = 16.0, 24.0, 32.0, 40.0
"""Distances of a stand-in's box from its cell's upper left corner, in pixels."""
POINTS = np.array([[-4, -8], [20, -8], [8, 4], [0, 20], [16, 20]], np.float32)
"""The five points from there, in pixels."""
BOX = (-LEFT, -TOP, LEFT + RIGHT, TOP + BOTTOM)


def grey(height: int = 128, width: int = 160) -> np.ndarray:
    """A picture in which a stand-in finds nobody."""
    return np.full((height, width, 3), 127, np.uint8)


def with_red(picture: np.ndarray, left: int, top: int, side: int = 8, strength: int = 255) -> np.ndarray:
    """The picture with a red square: a face whose score falls with ``strength``."""
    picture = picture.copy()
    picture[top : top + side, left : left + side] = (0, 0, strength)
    return picture


@dataclass
class Graph:
    """An ONNX graph in the making; ``red`` and ``green`` are channels of the input, ``span`` what 255 levels are."""

    red: int
    green: int
    span: float
    offset: float = 0.0
    """The input's red less its green where both are equal in the picture."""
    nodes: list = field(default_factory=list)
    constants: list = field(default_factory=list)

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], target: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [target], **attributes))
        return target

    def heat(self, stride: int, target: str) -> str:
        """1 × 1 × rows × columns: red less green, 0…PEAK; nothing but for the finest stride."""
        weight = np.zeros((1, 3, stride, stride), np.float32)
        bias = np.zeros(1, np.float32)
        if stride == STRIDES[0]:
            slope = PEAK / self.span / stride**2
            weight[0, self.red], weight[0, self.green] = slope, -slope
            bias -= PEAK * self.offset / self.span
        names = [self.constant(f"{target}_w", weight), self.constant(f"{target}_b", bias)]
        raw = self.add("Conv", ["input", *names], f"{target}_raw", strides=[stride, stride])
        bounds = [self.constant(f"{target}_0", np.float32(0)), self.constant(f"{target}_1", np.float32(1))]
        return self.add("Clip", [raw, *bounds], target)

    def fixed(self, stride: int, values: np.ndarray, target: str) -> str:
        """1 × values × rows × columns: the same values in every cell."""
        weight = np.zeros((len(values), 3, stride, stride), np.float32)
        names = [self.constant(f"{target}_w", weight), self.constant(f"{target}_b", values.astype(np.float32))]
        return self.add("Conv", ["input", *names], target, strides=[stride, stride])

    def rows(self, source: str, shape: tuple[int, ...], target: str) -> str:
        """A map as rows, cell by cell, its channels last."""
        turned = self.add("Transpose", [source], f"{target}_t", perm=[0, 2, 3, 1])
        return self.add("Reshape", [turned, self.constant(f"{target}_s", np.array(shape, np.int64))], target)

    def write(self, path: Path, outputs: list[str], size: tuple = ("rows", "columns")) -> Path:
        inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *size])]
        named = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        made = helper.make_graph(self.nodes, "stand-in", inputs, named, self.constants)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.save(model, path)
        return path


def scrfd(path: Path, *, batch: bool = False) -> Path:
    """Nine outputs, two anchors a cell of which the second finds nothing; ``batch``: they keep a batch of one."""
    graph = Graph(red=0, green=1, span=255 / 128)
    outputs: dict[int, list[str]] = {1: [], 4: [], 10: []}
    for stride in STRIDES:
        sides = np.array([LEFT, TOP, RIGHT, BOTTOM], np.float32) / stride
        points = POINTS.ravel() / stride
        none = graph.fixed(stride, np.zeros(1), f"none_{stride}")
        heat = graph.add("Concat", [graph.heat(stride, f"heat_{stride}"), none], f"both_{stride}", axis=1)
        maps = {1: heat, 4: graph.fixed(stride, np.tile(sides, 2), f"sides_{stride}"),
                10: graph.fixed(stride, np.tile(points, 2), f"points_{stride}")}  # fmt: skip
        for columns, source in maps.items():
            shape = (1, -1, columns) if batch else (-1, columns)
            outputs[columns].append(graph.rows(source, shape, f"out_{columns}_{stride}"))
    return graph.write(path, [name for names in outputs.values() for name in names])


def retinaface(path: Path) -> Path:
    """Boxes, chances and points of all priors in three outputs; the second prior of a cell finds nothing."""
    graph = Graph(red=2, green=1, span=255, offset=-123 + 117)
    parts: dict[int, list[str]] = {4: [], 2: [], 10: []}
    for stride, sides in zip(STRIDES, ((16, 32), (64, 128), (256, 512)), strict=True):
        boxes, points = [], []
        for side in sides:
            middle = np.array([RIGHT - LEFT, BOTTOM - TOP]) / 2 - stride / 2
            size = np.array([LEFT + RIGHT, TOP + BOTTOM])
            boxes.append(np.concatenate((middle / (0.1 * side), np.log(size / side) / 0.2)))
            points.append(((POINTS - stride / 2) / (0.1 * side)).ravel())
        face = graph.heat(stride, f"face_{stride}")
        one = graph.constant(f"one_{stride}", np.float32(1))
        other = graph.add("Sub", [one, face], f"other_{stride}")
        nobody = graph.fixed(stride, np.array([1.0, 0.0]), f"nobody_{stride}")
        chances = graph.add("Concat", [other, face, nobody], f"chances_{stride}", axis=1)
        maps = {4: graph.fixed(stride, np.concatenate(boxes), f"boxes_{stride}"), 2: chances,
                10: graph.fixed(stride, np.concatenate(points), f"points_{stride}")}  # fmt: skip
        for columns, source in maps.items():
            parts[columns].append(graph.rows(source, (1, -1, columns), f"rows_{columns}_{stride}"))
    outputs = [graph.add("Concat", names, f"out_{columns}", axis=1) for columns, names in parts.items()]
    return graph.write(path, outputs)


def yolo8(path: Path) -> Path:
    """A map of 80 channels a stride; distances are sure (one bin), scores are logits."""
    graph = Graph(red=0, green=1, span=1.0)
    outputs = []
    for stride in STRIDES:
        distances = (np.array([LEFT, TOP, RIGHT, BOTTOM]) + stride * np.array([0.5, 0.5, -0.5, -0.5])) / stride
        logits = np.full((4, 16), -50.0)
        for side, distance in enumerate(distances):
            low, part = int(distance), distance - int(distance)
            logits[side, low] = np.log(max(1 - part, 1e-9))
            logits[side, low + 1] = np.log(max(part, 1e-9))
        points = np.concatenate((POINTS / stride / 2, np.ones((5, 1))), axis=1)
        heat = graph.heat(stride, f"heat_{stride}")
        inside = [
            graph.constant(f"low_{stride}", np.float32(1e-6)),
            graph.constant(f"high_{stride}", np.float32(1 - 1e-6)),
        ]
        chance = graph.add("Clip", [heat, *inside], f"chance_{stride}")
        one = graph.constant(f"one_{stride}", np.float32(1))
        odds = graph.add("Div", [chance, graph.add("Sub", [one, chance], f"rest_{stride}")], f"odds_{stride}")
        parts = [
            graph.fixed(stride, logits.ravel(), f"sides_{stride}"),
            graph.add("Log", [odds], f"logit_{stride}"),
            graph.fixed(stride, points.ravel(), f"points_{stride}"),
        ]
        outputs.append(graph.add("Concat", parts, f"out_{stride}", axis=1))
    return graph.write(path, outputs)


def yolo5(path: Path, size: tuple[int, int] = (128, 160)) -> Path:
    """One table, decoded in the graph, for pictures of one size."""
    graph = Graph(red=0, green=1, span=1.0)
    y, x = np.mgrid[0 : size[0] // 8, 0 : size[1] // 8] * 8.0
    corner = np.stack((x.ravel(), y.ravel()), axis=1)
    middle = corner + np.array([RIGHT - LEFT, BOTTOM - TOP]) / 2
    boxes = np.hstack((middle, np.tile([LEFT + RIGHT, TOP + BOTTOM], (len(corner), 1))))
    points = (corner[:, None] + POINTS).reshape(len(corner), 10)
    parts = [
        graph.constant("boxes", boxes[None].astype(np.float32)),
        graph.rows(graph.heat(8, "heat"), (1, -1, 1), "object"),
        graph.constant("points", points[None].astype(np.float32)),
        graph.constant("class", np.ones((1, len(corner), 1), np.float32)),
    ]
    return graph.write(path, [graph.add("Concat", parts, "output", axis=2)], size)


STAND_INS: dict[str, Callable[[Path], Path]] = {
    "scrfd": scrfd,
    "scrfd-small": lambda path: scrfd(path, batch=True),
    "retinaface": retinaface,
    "yolo-face": yolo8,
    "yolo5-face": yolo5,
}
"""What stands in for the weights of a detector, by name."""


def session_of(path: Path) -> OpenVinoSession:
    """A session on a graph that a test wrote."""
    return OpenVinoSession(path, (), half=False, threads=1, cache=None)


def made_detector(name: str, folder: Path, **options):
    """The detector called ``name`` on its real weights, or on its stand-in."""
    if name in STAND_INS:
        return make_detector(name, session_of(STAND_INS[name](folder / f"{name}.onnx")), **options)
    return make_detector(name, *(open_session(m, device="cpu") for m in stack_of("detector", name).models), **options)
