"""MPEG audio frames: ISO/IEC 11172-3, 2.4.1.3, and 13818-3; 2.5 is Fraunhofer's.

Frames of AAC in ADTS: ISO/IEC 13818-7.
"""

LAYER_3 = 1
"""Layers in the header: 3 is layer I, 2 is II, 1 is III; 0 is ADTS."""

_MPEG_1, _RESERVED = 3, 1
_KBPS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ = (44100, 48000, 32000)


def layer_of(head: bytes) -> int:
    """Return the layer in a header of two bytes or more; see `LAYER_3`."""
    return head[1] >> 1 & 3


def frame_bytes(head: bytes) -> int:
    """Return the length of the frame with this header; 0 if it is not one, or of ADTS.

    Parameters
    ----------
    head : bytes
        4 bytes or more.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, layer_of(head)
    rate, bitrate, pad = head[2] >> 2 & 3, head[2] >> 4, head[2] >> 1 & 1
    if not layer or version == _RESERVED or rate == 3 or bitrate in (0, 15):
        return 0
    table = (3, layer) if version == _MPEG_1 else (2, max(layer, 2))
    bits = _KBPS[table][bitrate - 1] * 1000
    hz = _HZ[rate] >> (3 - version if version else 2)
    if layer == 3:
        return (12 * bits // hz + pad) * 4
    samples = 144 if version == _MPEG_1 or layer == 2 else 72
    return samples * bits // hz + pad


def adts_bytes(head: bytes) -> int:
    """Return the length of the ADTS frame with this header; 0 if it is not one.

    Parameters
    ----------
    head : bytes
        6 bytes or more.
    """
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else 0
