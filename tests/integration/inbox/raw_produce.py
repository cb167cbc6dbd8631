"""A producer without a client library: it sends what none of them lets one send."""

from __future__ import annotations

import socket
import struct
import time

_CASTAGNOLI = 0x82F63B78


def produce(bootstrap: str, topic: str, value: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Appends one record to partition 0, with header names of any bytes (Produce v3, a record batch of format 2)."""
    batch = _batch(value, headers)
    partition = struct.pack(">ii", 0, len(batch)) + batch
    body = struct.pack(">hhi", -1, -1, 30_000) + struct.pack(">i", 1) + _string(topic.encode()) + struct.pack(">i", 1) + partition
    request = struct.pack(">hhi", 0, 3, 1) + _string(b"raw") + body
    host, _, port = bootstrap.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answers:
            answer = answers.read(struct.unpack(">i", answers.read(4))[0])
    # correlation id, one topic with its name, one partition: its index, then its error
    [error] = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic) + 4 + 4)
    assert error == 0, f"Kafka answered {error}"


def _batch(value: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    coded = b"".join(_varint(len(name)) + name + _varint(len(text)) + text for name, text in headers)
    record = b"\x00" + _varint(0) + _varint(0) + _varint(-1) + _varint(len(value)) + value + _varint(len(headers)) + coded
    now = int(time.time() * 1000)
    sealed = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + _varint(len(record)) + record
    rest = struct.pack(">ib", -1, 2) + struct.pack(">I", _crc32c(sealed)) + sealed
    return struct.pack(">qi", 0, len(rest)) + rest


def _string(text: bytes) -> bytes:
    return struct.pack(">h", len(text)) + text


def _varint(number: int) -> bytes:
    zigzag = (number << 1) ^ (number >> 31)
    coded = b""
    while zigzag > 0x7F:
        coded += bytes([zigzag & 0x7F | 0x80])
        zigzag >>= 7
    return coded + bytes([zigzag])


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
