"""Texts travel compressed, to browsers that take it, and arrive as they were."""

import gzip
import re

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def stylesheet(pages) -> str:
    return re.search(r'href="(/static/[^"]+/css/look\.css)"', pages.text("/"))[1]


def test_a_page_and_a_file_are_the_same_after_unpacking(pages):
    for path in ("/workers", stylesheet(pages)):
        plain, packed = pages.get(path), pages.get(path, headers=GZIP)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Content-Length"] == str(len(packed.data))
        assert len(packed.data) < len(plain.data) / 2
        assert "Content-Encoding" not in plain.headers
        assert "Accept-Encoding" in plain.vary
        assert "Accept-Encoding" in packed.vary
    assert gzip.decompress(packed.data) == plain.data


def test_a_file_asked_for_again_is_the_same_and_may_be_kept(pages):
    path = stylesheet(pages)
    first, second = (pages.get(path, headers=GZIP) for _ in range(2))
    assert first.data == second.data
    assert gzip.decompress(second.data) == pages.get(path).data
    again = pages.get(path, headers={**GZIP, "If-None-Match": second.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_part_of_a_file_is_sent_as_it_is(pages):
    path = stylesheet(pages)
    pages.get(path, headers=GZIP)
    part = pages.get(path, headers={**GZIP, "Range": "bytes=0-9"})
    assert part.status_code == 206
    assert part.data == pages.get(path).data[:10]


def test_what_is_tiny_is_left_alone(pages):
    answer = pages.get(stylesheet(pages).replace("css/look.css", "favicon.svg"), headers=GZIP)
    assert answer.data.startswith(b"<svg")
    assert "Content-Encoding" not in answer.headers


def test_a_page_of_an_error_is_compressed_too(pages):
    answer = pages.get("/nope", headers=GZIP)
    assert answer.status_code == 404
    assert b"</html>" in gzip.decompress(answer.data)
