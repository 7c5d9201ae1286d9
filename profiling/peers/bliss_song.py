"""bliss: describes a track by twenty numbers, for playlists. No tags. Argument: the music."""

import json
import sys
from importlib.metadata import version

from bliss_audio import Song

Song(sys.argv[1])
print(json.dumps({"version": f"bliss-audio {version('bliss-audio')}", "top": None}))
