"""Write the musicnn package's network as the frozen graph that Essentia loads.

    PYTHON freeze_musicnn.py msd-musicnn.pb

runs where the musicnn package is installed. Essentia offers the same file for download
(essentia.upf.edu/models, msd-musicnn-1.pb); this makes it from the weights at hand.
"""

import sys
from pathlib import Path

import musicnn
import tensorflow as tf
from musicnn import models

tf.compat.v1.disable_eager_execution()
with tf.name_scope("model"):
    mel = tf.compat.v1.placeholder(tf.float32, [None, 187, 96])
    logits = models.define_model(mel, False, "MSD_musicnn", 50)[0]
    tf.nn.sigmoid(logits)
session = tf.compat.v1.Session()
weights = Path(musicnn.__file__).parent / "MSD_musicnn"
tf.compat.v1.train.Saver().restore(session, f"{weights}/")
graph = tf.compat.v1.graph_util.convert_variables_to_constants(
    session, session.graph_def, ["model/Sigmoid"]
)
Path(sys.argv[1]).write_bytes(graph.SerializeToString())
