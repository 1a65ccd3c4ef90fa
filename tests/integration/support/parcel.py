"""What travels through Redis, written and read by hand: channels, partitions, parcels, members."""

import json
import struct

MAGIC = b"RC"
MAJOR, MINOR = 1, 0
EVENT, PRESENCE, ACKED, CALL, REPLY = range(5)
TAGS = {
    "kind": 1, "topic": 2, "event_type": 3, "payload": 4, "client": 5, "user": 6, "exclude": 7,
    "ts_ms": 8, "born_us": 9, "id": 10, "drop_class": 11, "member": 12, "flags": 13, "rev": 14,
    "count": 15, "users": 16, "node": 17, "number": 18, "error": 19, "body": 20,
}  # fmt: skip
NAMES = {tag: name for name, tag in TAGS.items()}
BYTE = {"kind", "drop_class", "flags"}
NUMBER = {"ts_ms", "born_us", "rev", "count", "users", "number", "error"}
PARTITIONS = 64


def channel(topic, prefix="roomcast"):
    return f"{prefix}:{topic}"


def partition(topic):
    """FNV-1a of the topic's bytes, 64 bits."""
    h = 0xCBF29CE484222325
    for byte in topic.encode():
        h = (h ^ byte) * 0x100000001B3 % (1 << 64)
    return h % PARTITIONS


def server(number, servers):
    """Which of several Redis servers has a partition: jump consistent hash (Lamping and Veach)."""
    key, at, after = number, -1, 0
    while after < servers:
        at = after
        key = (key * 2862933555777941757 + 1) % (1 << 64)
        after = int((at + 1) * ((1 << 31) / ((key >> 33) + 1)))
    return at


def part(tag, data):
    return struct.pack("<BI", tag, len(data)) + data


def parts(**fields):
    """Parts by name; bytes stay, numbers and text are packed as the parcel has them."""
    out = b""
    for name, value in fields.items():
        if name in BYTE:
            value = bytes([value])
        elif name in NUMBER:
            value = struct.pack("<Q", value)
        elif isinstance(value, str):
            value = value.encode()
        out += part(TAGS[name], value)
    return out


def parcel(body=b"", major=MAJOR, minor=MINOR, length=None, **fields):
    """A whole parcel; `body` are parts that stand behind those of `fields`."""
    body = parts(**fields) + body
    return MAGIC + struct.pack("<BBI", major, minor, len(body) if length is None else length) + body


def event(topic, payload, event_type="t", body=b"", **more):
    """As a gateway writes a message."""
    payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    fields = {"kind": EVENT, "topic": topic, "event_type": event_type, "payload": payload}
    return parcel(body, **{**fields, "ts_ms": 1, **more})


def read(data):
    """The parts of a good parcel by name."""
    magic, major, _, length = struct.unpack_from("<2sBBI", data)
    assert (magic, major, length) == (MAGIC, MAJOR, len(data) - 8), data[:16]
    fields, at = {}, 8
    while at < len(data):
        tag, n = struct.unpack_from("<BI", data, at)
        value = data[at + 5 : at + 5 + n]
        at += 5 + n
        assert len(value) == n and NAMES[tag] not in fields
        name = NAMES[tag]
        if name in BYTE:
            value = value[0]
        elif name in NUMBER:
            (value,) = struct.unpack("<Q", value)
        fields[name] = value
    return fields


def member(blob):
    """(client, user or None, info's raw JSON) of a member blob."""
    n = blob[0]
    client, blob = blob[1 : 1 + n].decode(), blob[1 + n :]
    n = blob[0]
    return client, blob[1 : 1 + n].decode() or None, blob[1 + n :]
