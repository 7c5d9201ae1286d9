"""Essentia's MusicExtractor: describes a track, and gives no genre. Argument: the music."""

import json
import sys

import essentia
from essentia.standard import MusicExtractor

essentia.log.infoActive = False
features, _ = MusicExtractor()(sys.argv[1])
version = f"essentia {essentia.__version__}"
print(json.dumps({"version": version, "top": None, "descriptors": len(features.descriptorNames())}))
