"""Labels of other models, beyond those of the package's models.

They come from MTG-Jamendo, NSynth and AudioSet, as far as their classes name music.
"""

from collections.abc import Mapping

INSTRUMENTS = (
    *("Accordion", "Acoustic Bass Guitar", "Acoustic Guitar", "Bagpipes", "Banjo", "Bass"),
    *("Bass Drum", "Bass Guitar", "Bell", "Bongo", "Brass", "Cello", "Clarinet"),
    *("Classical Guitar", "Computer", "Cymbal", "Didgeridoo", "Double Bass", "Drum"),
    *("Drum Kit", "Drum Machine", "Drums", "Electric Guitar", "Electric Piano", "Flute"),
    *("French Horn", "Glockenspiel", "Guitar", "Hammond Organ", "Harmonica", "Harp"),
    *("Harpsichord", "Horn", "Keyboard", "Mallet", "Mandolin", "Marimba", "Oboe", "Orchestra"),
    *("Organ", "Pad", "Percussion", "Piano", "Pipe Organ", "Reed", "Rhodes", "Sampler"),
    *("Saxophone", "Sitar", "Snare Drum", "Steel Guitar", "String", "Strings", "Synth Lead"),
    *("Synthesizer", "Tabla", "Tambourine", "Timpani", "Trombone", "Trumpet", "Ukulele"),
    *("Vibraphone", "Viola", "Violin", "Zither"),
)
"""As they are shown; classes spell them in many ways."""

MOODS = (
    *("Aggressive", "Angry", "Calm", "Cool", "Danceable", "Dark", "Deep", "Dramatic", "Dream"),
    *("Emotional", "Energetic", "Epic", "Fun", "Funny", "Groovy", "Happy", "Heavy", "Hopeful"),
    "Inspiring",
    *("Love", "Meditative", "Melancholic", "Motivational", "Party", "Positive", "Powerful"),
    *("Relaxed", "Relaxing", "Romantic", "Sad", "Scary", "Sexy", "Soft", "Tender", "Upbeat"),
    "Uplifting",
)

SCALES: Mapping[str, tuple[float, float]] = {"arousal": (1.0, 9.0), "valence": (1.0, 9.0)}
"""Labels that are numbers, not probabilities, with the ends of their scales; Essentia's models page
gives these for DEAM, emoMusic and MuSe."""

NO_MOODS = frozenset(
    {
        *("action", "adventure", "advertising", "background", "ballad", "children", "christmas"),
        *("commercial", "corporate", "documentary", "drama", "fast", "film", "game", "holiday"),
        *("melodic", "movie", "nature", "retro", "slow", "soundscape", "space", "sport", "summer"),
        *("trailer", "travel", "acoustic", "electronic"),
    }
)
"""Themes and sounds that are in the same models as moods."""

KNOWN: Mapping[str, tuple[str, str]] = {
    # Vocals
    "voice": ("vocals", "Vocals"),
    "vocal": ("vocals", "Vocals"),
    "instrumental": ("vocals", "Instrumental"),
    "female": ("vocals", "Female Vocals"),
    "male": ("vocals", "Male Vocals"),
    # Genres that are spelt as one word, or in an unusual way
    "acid jazz": ("genre", "Acid Jazz"),
    "alternative rock": ("genre", "Alternative Rock"),
    "blues rock": ("genre", "Blues Rock"),
    "bossa nova": ("genre", "Bossa Nova"),
    "chanson": ("genre", "Chanson"),
    "classic rock": ("genre", "Classic Rock"),
    "club": ("genre", "Club"),
    "dark ambient": ("genre", "Dark Ambient"),
    "deep house": ("genre", "Deep House"),
    "disco": ("genre", "Disco"),
    "downtempo": ("genre", "Downtempo"),
    "drum n bass": ("genre", "Drum n Bass"),
    "dub": ("genre", "Dub"),
    "dubstep": ("genre", "Dubstep"),
    "easy listening": ("genre", "Easy Listening"),
    "edm": ("genre", "EDM"),
    "electro pop": ("genre", "Electropop"),
    "ethno": ("genre", "Ethno"),
    "fusion": ("genre", "Fusion"),
    "hard rock": ("genre", "Hard Rock"),
    "hip hop": ("genre", "Hip-Hop"),
    "idm": ("genre", "IDM"),
    "improvisation": ("genre", "Improvisation"),
    "industrial": ("genre", "Industrial"),
    "instrumental pop": ("genre", "Instrumental Pop"),
    "instrumental rock": ("genre", "Instrumental Rock"),
    "jazz fusion": ("genre", "Jazz Fusion"),
    "jazz funk": ("genre", "Jazz-Funk"),
    "latin": ("genre", "Latin"),
    "lounge": ("genre", "Lounge"),
    "minimal": ("genre", "Minimal"),
    "new wave": ("genre", "New Wave"),
    "orchestral": ("genre", "Orchestral"),
    "pop folk": ("genre", "Pop Folk"),
    "pop rock": ("genre", "Pop Rock"),
    "post rock": ("genre", "Post-Rock"),
    "punk rock": ("genre", "Punk Rock"),
    "rap": ("genre", "Rap"),
    "reggae": ("genre", "Reggae"),
    "rhythm and blues": ("genre", "R&B"),
    "rock n roll": ("genre", "Rock & Roll"),
    "singer songwriter": ("genre", "Singer-Songwriter"),
    "ska": ("genre", "Ska"),
    "soundtrack": ("genre", "Soundtrack"),
    "swing": ("genre", "Swing"),
    "symphonic": ("genre", "Symphonic"),
    "synth pop": ("genre", "Synth-Pop"),
    "trance": ("genre", "Trance"),
    "trip hop": ("genre", "Trip-Hop"),
    "world": ("genre", "World"),
    "world fusion": ("genre", "World Fusion"),
}
"""Kind and display by the class's name."""
