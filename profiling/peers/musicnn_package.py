"""The musicnn package, as in its README.

It also runs with a current TensorFlow, if tf-keras stands in for the layers that Keras 3 dropped.
With NumPy 2 its float16 arithmetic overflows, and every track gets the same tags.
"""

import contextlib
import json
import os
import sys

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
from musicnn.tagger import top_tags

with contextlib.redirect_stdout(sys.stderr):
    top = top_tags(sys.argv[1], model="MSD_musicnn", topN=3)
print(json.dumps({"version": f"musicnn 0.1.0, tensorflow {tf.__version__}", "top": top}))
