"""Messages cross a pipe whole, however the pipe cuts them."""

import io
import itertools

from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.errors import DecodeError, ModelError
from lean_tagger.jobs import Failed, Job
from lean_tagger.run.messages import (
    Broken,
    Done,
    Inbox,
    Limit,
    Notice,
    Progress,
    Ready,
    pack,
    receive,
)
from lean_tagger.settings import Settings

TEXT = st.text(st.characters(categories=("L", "N", "P", "Z", "C"), include_characters="\udc80"))
SIZES = st.integers(0, 2**63)
MESSAGES = st.one_of(
    st.builds(Limit, SIZES),
    st.builds(Ready, TEXT, TEXT, SIZES),
    st.builds(Notice, TEXT),
    st.builds(Progress, st.floats(0, 1e6), st.floats(0, 1)),
    st.builds(Done, st.builds(Failed, path=TEXT, kind=TEXT, message=TEXT), SIZES, SIZES),
    st.builds(Job, TEXT, SIZES),
    st.builds(Settings, models=st.tuples(TEXT, TEXT), max_mem_bytes=SIZES),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at the places, some of which may be beyond them or the same."""
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(MESSAGES, max_size=6), st.lists(st.integers(0, 2000), max_size=12))
def test_an_inbox_gives_the_messages_however_the_bytes_arrive(messages, places):
    inbox = Inbox()
    data = b"".join(map(pack, messages))
    assert [m for piece in cut(data, places) for m in inbox.feed(piece)] == messages


@given(st.lists(MESSAGES, max_size=3))
def test_an_inbox_gives_the_messages_byte_by_byte(messages):
    inbox = Inbox()
    data = b"".join(map(pack, messages))
    assert [m for i in range(len(data)) for m in inbox.feed(data[i : i + 1])] == messages


@given(st.lists(MESSAGES, max_size=6))
def test_a_stream_gives_the_messages_and_then_none(messages):
    stream = io.BytesIO(b"".join(map(pack, messages)))
    assert [receive(stream) for _ in messages] == messages
    assert receive(stream) is None


@given(MESSAGES, MESSAGES, st.data())
def test_a_stream_that_ends_inside_of_a_message_gives_none_for_it(first, second, data):
    whole, last = pack(first), pack(second)
    kept = data.draw(st.integers(0, len(last) - 1), label="bytes of the second message")
    stream = io.BytesIO(whole + last[:kept])
    assert receive(stream) == first
    assert receive(stream) is None


@given(MESSAGES, st.data())
def test_an_inbox_keeps_an_unfinished_message_to_itself(message, data):
    packed = pack(message)
    kept = data.draw(st.integers(0, len(packed) - 1), label="bytes that arrive")
    inbox = Inbox()
    assert list(inbox.feed(packed[:kept])) == []
    assert list(inbox.feed(packed[kept:])) == [message]


@given(TEXT, TEXT)
def test_an_error_arrives_with_its_type_its_words_and_its_file(path, words):
    (model,) = Inbox().feed(pack(Broken(ModelError(words))))
    assert (type(model.error), str(model.error)) == (ModelError, words)
    (decode,) = Inbox().feed(pack(Broken(DecodeError(path, words))))
    assert (decode.error.path, decode.error.message) == (path, words)
