"""The musicnn package, as in its README."""

import contextlib
import json
import sys

import pkg_resources
import tensorflow as tf
from musicnn.tagger import top_tags

with contextlib.redirect_stdout(sys.stderr):
    top = top_tags(sys.argv[1], model="MSD_musicnn", topN=3)
version = pkg_resources.get_distribution("musicnn").version
print(json.dumps({"version": f"musicnn {version}, tensorflow {tf.__version__}", "top": top}))
