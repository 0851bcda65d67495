"""Writes `messages.onnx` beside this file: each message and field that nnf-export writes, by Python's `onnx`."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

conv = helper.make_node("Conv", ["input", "conv.weight"], ["conv"], name="conv")
conv.attribute.extend([helper.make_attribute("strides", [1, 2]), helper.make_attribute("group", 1)])
leaky = helper.make_node("LeakyRelu", ["conv"], ["out"], name="out", alpha=0.25)
constants = [
    numpy_helper.from_array(np.array([1.5, -2.0], np.float32).reshape(1, 1, 1, 2), "conv.weight"),
    numpy_helper.from_array(np.array([-1, 3], np.int64), "longs"),
]
shape = ["batch", 1, 4, 4]
given = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
made = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 1, 4, 2])
graph = helper.make_graph([conv, leaky], "golden", [given], [made], constants)
model = helper.make_model(graph, producer_name="nnf", producer_version="1", opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
Path(__file__).with_name("messages.onnx").write_bytes(model.SerializeToString(deterministic=True))
