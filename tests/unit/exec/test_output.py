from aios.exec.output import Collector, Pipe


def collected(data: bytes, limit: int = 100, size: int = 7) -> Collector:
    collector = Collector(limit)
    for start in range(0, len(data), size):
        collector.feed(data[start : start + size])
    return collector


def test_what_fits_is_whole() -> None:
    data = bytes(range(32, 127)) + b"\n"
    text = collected(data[:100]).text()
    assert (text.text, text.raw, text.total, text.left_out) == (data[:100].decode(), None, 96, 0)


def test_the_middle_is_left_out_and_counted() -> None:
    data = b"a" * 500 + b"z" * 500
    text = collected(data).text()
    assert text.text == "a" * 50 + "\n[aios: 900 bytes left out]\n" + "z" * 50
    assert (text.total, text.left_out) == (1000, 900)


def test_nothing_is_cut_inside_a_character() -> None:
    for shift in range(4):
        data = b"." * shift + "日本語".encode() * 100
        text = collected(data).text()
        assert text.raw is None
        assert "\ufffd" not in text.text
        head, said, tail = text.text.split("\n")
        assert said == f"[aios: {text.left_out} bytes left out]"
        assert len(head.encode()) + len(tail.encode()) + text.left_out == len(data)


def test_bytes_that_are_no_text() -> None:
    text = collected(b"a\0b\xffc").text()
    assert (text.text, text.raw) == ("a\ufffdb\ufffdc", b"a\0b\xffc")


def test_memory_stays_flat() -> None:
    collector = Collector(1000)
    for _ in range(100):
        collector.feed(b"x" * 65536)
    assert len(collector._first) + len(collector._last) < 3 * 65536
    assert collector.total == 6553600


def test_no_limit_at_all_is_no_output() -> None:
    assert collected(b"abc", limit=0).text().left_out == 3


async def test_a_pipe_is_drained_when_its_last_writer_is_gone() -> None:
    import os

    pipe = Pipe(1000)
    os.write(pipe.write_end, b"hello")
    pipe.given()
    await pipe.drained()
    assert pipe.collector.text().text == "hello"
    pipe.close()
