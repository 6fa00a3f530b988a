"""A body without a length is read to its end, and one beyond measure no further than it takes to refuse it."""

import io

import pytest

from erp.runtime.bodies import measured


class Pieces(io.RawIOBase):
    """A stream that gives less than is asked for, as a network does."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read(self, size=-1):
        piece = self.pieces.pop(0) if self.pieces else b""
        assert len(piece) <= size
        return piece


def seen(environ):
    """What the application is given."""
    found = {}
    measured(lambda given, _start: found.update(given) or [], most=10)(environ, None)
    return found


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([], b""),
        ([b"ab", b"c", b"defgh"], b"abcdefgh"),
        ([b"0123456789", b"0", b"123"], b"01234567890"),
    ],
)
def test_a_body_in_chunks_is_given_with_its_length(pieces, body):
    given = seen({"HTTP_TRANSFER_ENCODING": "Chunked", "wsgi.input": Pieces(pieces)})

    assert given["CONTENT_LENGTH"] == str(len(body))
    assert given["wsgi.input"].read() == body


@pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": "3"}, {}, {"HTTP_TRANSFER_ENCODING": "gzip"}])
def test_every_other_body_is_left_alone(environ):
    stream = Pieces([b"abc"])

    assert seen({**environ, "wsgi.input": stream}) == {**environ, "wsgi.input": stream}
