"""What each label of the published networks is, and how a user wants to read it.

The kinds decide which field of a file a label may reach: only a ``genre`` goes to the genre
field, only a ``mood`` to the mood field. So, as a librarian would:

* A genre is a style of music under which records are shelved: not a purpose ("party"), a
  decade, an instrument or a judgement. "chillout", "easy listening" and "experimental" are
  shelves of their own; "indian" and "choral" are too. MagnaTagATune's "classic" is a
  player's short form of "classical", not classic rock.
* A mood is how it feels: "chill", "sad", "sexy", "party", "quiet". Tempo and loudness as such
  ("slow", "fast", "loud"), a way of playing ("acoustic", "solo") and opinions ("beautiful",
  "catchy", "weird") are neither. "oldies" is an era.
* "instrumental" and "no vocals" speak about voices, so they are vocals.
* Labels that mean the same share a display form ("female vocalist", "female vocalists"; "no
  vocals", "no voice"), so that a list of tags need not say it twice.

No display form holds ``;``, ``/`` or ``,``: players split values on them.
"""

# (label as published, kind, display form), in output order.
MSD: tuple[tuple[str, str, str], ...] = (
    ("rock", "genre", "Rock"),
    ("pop", "genre", "Pop"),
    ("alternative", "genre", "Alternative"),
    ("indie", "genre", "Indie"),
    ("electronic", "genre", "Electronic"),
    ("female vocalists", "vocals", "Female Vocals"),
    ("dance", "genre", "Dance"),
    ("00s", "era", "2000s"),
    ("alternative rock", "genre", "Alternative Rock"),
    ("jazz", "genre", "Jazz"),
    ("beautiful", "other", "Beautiful"),
    ("metal", "genre", "Metal"),
    ("chillout", "genre", "Chillout"),
    ("male vocalists", "vocals", "Male Vocals"),
    ("classic rock", "genre", "Classic Rock"),
    ("soul", "genre", "Soul"),
    ("indie rock", "genre", "Indie Rock"),
    ("Mellow", "mood", "Mellow"),
    ("electronica", "genre", "Electronica"),
    ("80s", "era", "1980s"),
    ("folk", "genre", "Folk"),
    ("90s", "era", "1990s"),
    ("chill", "mood", "Chill"),
    ("instrumental", "vocals", "Instrumental"),
    ("punk", "genre", "Punk"),
    ("oldies", "era", "Oldies"),
    ("blues", "genre", "Blues"),
    ("hard rock", "genre", "Hard Rock"),
    ("ambient", "genre", "Ambient"),
    ("acoustic", "other", "Acoustic"),
    ("experimental", "genre", "Experimental"),
    ("female vocalist", "vocals", "Female Vocals"),
    ("guitar", "instrument", "Guitar"),
    ("Hip-Hop", "genre", "Hip-Hop"),
    ("70s", "era", "1970s"),
    ("party", "mood", "Party"),
    ("country", "genre", "Country"),
    ("easy listening", "genre", "Easy Listening"),
    ("sexy", "mood", "Sexy"),
    ("catchy", "other", "Catchy"),
    ("funk", "genre", "Funk"),
    ("electro", "genre", "Electro"),
    ("heavy metal", "genre", "Heavy Metal"),
    ("Progressive rock", "genre", "Progressive Rock"),
    ("60s", "era", "1960s"),
    ("rnb", "genre", "R&B"),
    ("indie pop", "genre", "Indie Pop"),
    ("sad", "mood", "Sad"),
    ("House", "genre", "House"),
    ("happy", "mood", "Happy"),
)

MTT: tuple[tuple[str, str, str], ...] = (
    ("guitar", "instrument", "Guitar"),
    ("classical", "genre", "Classical"),
    ("slow", "other", "Slow"),
    ("techno", "genre", "Techno"),
    ("strings", "instrument", "Strings"),
    ("drums", "instrument", "Drums"),
    ("electronic", "genre", "Electronic"),
    ("rock", "genre", "Rock"),
    ("fast", "other", "Fast"),
    ("piano", "instrument", "Piano"),
    ("ambient", "genre", "Ambient"),
    ("beat", "other", "Beat"),
    ("violin", "instrument", "Violin"),
    ("vocal", "vocals", "Vocals"),
    ("synth", "instrument", "Synth"),
    ("female", "vocals", "Female Vocals"),
    ("indian", "genre", "Indian"),
    ("opera", "genre", "Opera"),
    ("male", "vocals", "Male Vocals"),
    ("singing", "vocals", "Vocals"),
    ("vocals", "vocals", "Vocals"),
    ("no vocals", "vocals", "Instrumental"),
    ("harpsichord", "instrument", "Harpsichord"),
    ("loud", "other", "Loud"),
    ("quiet", "mood", "Quiet"),
    ("flute", "instrument", "Flute"),
    ("woman", "vocals", "Female Vocals"),
    ("male vocal", "vocals", "Male Vocals"),
    ("no vocal", "vocals", "Instrumental"),
    ("pop", "genre", "Pop"),
    ("soft", "mood", "Soft"),
    ("sitar", "instrument", "Sitar"),
    ("solo", "other", "Solo"),
    ("man", "vocals", "Male Vocals"),
    ("classic", "genre", "Classical"),
    ("choir", "vocals", "Choir"),
    ("voice", "vocals", "Vocals"),
    ("new age", "genre", "New Age"),
    ("dance", "genre", "Dance"),
    ("male voice", "vocals", "Male Vocals"),
    ("female vocal", "vocals", "Female Vocals"),
    ("beats", "other", "Beat"),
    ("harp", "instrument", "Harp"),
    ("cello", "instrument", "Cello"),
    ("no voice", "vocals", "Instrumental"),
    ("weird", "other", "Weird"),
    ("country", "genre", "Country"),
    ("metal", "genre", "Metal"),
    ("female voice", "vocals", "Female Vocals"),
    ("choral", "genre", "Choral"),
)

MSD_BARS = {"jazz": 0.35, "indie": 0.35, "experimental": 0.35}
"""What msd-musicnn calls so at a lower score is something else more often than not: of 489 tracks
from Debian packages, 12 of 13 that were called Jazz at 0.20 to 0.35 are no jazz."""

# Of 270 spoken announcements in five languages (Debian's asterisk-core-sounds, 8 and 16 kHz, alone
# and joined to half a minute) and the 489 tracks: without, 79 % of speech gets a genre from
# msd-musicnn, nearly always Hip-Hop, and 8 % from mtt-musicnn; with these, 7 % and 0 %, and no
# track loses one. There is no rap among the 489: from 0.65 on, Hip-Hop is believed in any case.
MSD_ABSTAIN = (
    {
        "why": "speech",
        "first": "Hip-Hop",
        "below": [
            {"label": "Hip-Hop", "score": 0.65},
            {"label": "instrumental", "score": 0.009},
        ],
    },
)
MTT_ABSTAIN = (
    {
        "why": "speech",
        "below": [{"label": "drums", "score": 0.05}],
        "from_": [{"label": "voice", "score": 0.035}],
    },
)
