"""Damage to files: random but seeded, from a flipped bit to settings of the wrong kind in a well-formed file.

`mutated(content, rng)` damages a file in one to three ways. Ways that know the file's form (JSON, YAML, an archive, a
safetensors header) get deeper into a reader than those that don't, so both are used.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import yaml

Mutation = Callable[[bytes, random.Random], bytes]

NUMBERS = (
    b"0", b"-1", b"1", b"2", b"255", b"65536", b"2147483648", b"4294967295", b"9223372036854775808",
    b"100000000000", b"9" * 400, b"1e400", b"-0.0", b"1e-320", b"nan", b".nan", b"NaN", b"Infinity", b"-.inf", b"1.5",
    b"1_000", b"0x1F", b"0o17", b"017", b"1:30", b"1e3",
)  # fmt: skip
WORDS = (
    b"true", b"null", b"~", b"[]", b"{}", b"''", b'""', b"yes", b"2024-13-45", b"2024-01-01", b"!!timestamp 5",
    b"!!bool maybe", b"!!python/object/apply:os.getpid []", b"&a [*a]", b"*b", b"<<: 1", b"\xef\xbb\xbf", b"\x00",
    b"\xff\xfe", b"\xed\xa0\x80", b"\x1b[31m", b"\xe2\x80\xae", b"\xc2\xb2", b"\xd9\xa1\xd9\xa0", b"../../x",
    b"/dev/zero", b"\r\n", b"\t", b"---\n", b"x" * 300, b"[" * 200, b"{" * 120, b'{"a":' * 101, b"%s%n", b"'", b'"',
    b"{{7*7}}", b"\\u0000", b"\\ud800", b"data:", b"- ", b"a: 1\na: 2\n",
)  # fmt: skip
EXTREMES = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**64 - 1,
)
RUBBISH: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 10**6, 10**12, 2**63, 10**30, 0.5, -0.5, 1e308, float("nan"), float("inf"), "", "x",
    "1", "-1", "\x1b[31m", "\u202e", "²", "١٠", "a" * 300, "../x", [], [1], [[1]], ["x"], [1, -1], [0, 0, 0],
    [1, 100_000, 100_000], {}, {"x": 1}, {"family": "mlp"}, {"family": 3},
)  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content damaged in one to three ways that suit its form."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        ways = _ways(content)
        content = rng.choice(ways)(content, rng)
    return content


def _ways(content: bytes) -> list[Mutation]:
    form: list[Mutation] = []
    if content[:2] == b"PK":
        form = [inside_archive] * 8
    elif _safetensors_header(content) is not None:
        form = [safetensors_header] * 8
    elif _is_text(content):
        form = [swap_number, swap_number, insert_word, insert_word, swap_tokens, drop_token, repeat_line]
        if content.lstrip()[:1] in (b"{", b"["):
            form += [json_value] * 8
        else:
            form += [yaml_value] * 6
    return [*PLAIN, *form]


# ---- bytes, of whatever form


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    """One to eight bits turned."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 8) if damaged else 0):
        damaged[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def set_bytes(content: bytes, rng: random.Random) -> bytes:
    """A few bytes overwritten by one value."""
    start, length = _place(content, rng), rng.choice((1, 2, 4, 16))
    filling = bytes([rng.choice((0, 1, 10, 32, 127, 128, 255))]) * length
    return content[:start] + filling + content[start + length :]


def cut_off(content: bytes, rng: random.Random) -> bytes:
    """The end is missing."""
    return content[: rng.randint(0, len(content))]


def cut_out(content: bytes, rng: random.Random) -> bytes:
    """A piece is missing."""
    start = _place(content, rng)
    return content[:start] + content[start + rng.choice((1, 2, 7, 64, 512)) :]


def double(content: bytes, rng: random.Random) -> bytes:
    """A piece stands there twice."""
    start = _place(content, rng)
    piece = content[start : start + rng.choice((1, 4, 32, 256))]
    return content[: start + len(piece)] + piece * rng.choice((1, 1, 50)) + content[start + len(piece) :]


def insert_bytes(content: bytes, rng: random.Random) -> bytes:
    """Something is added."""
    start = _place(content, rng)
    return content[:start] + rng.randbytes(rng.choice((1, 3, 17))) + content[start:]


def swap_pieces(content: bytes, rng: random.Random) -> bytes:
    """Two pieces change places."""
    first, second = sorted((_place(content, rng), _place(content, rng)))
    length = min(rng.choice((1, 8, 64)), second - first)
    a, b = content[first : first + length], content[second : second + length]
    return content[:first] + b + content[first + length : second] + a + content[second + length :]


def set_number(content: bytes, rng: random.Random) -> bytes:
    """A binary number becomes an extreme one."""
    kind = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    size = struct.calcsize(kind)
    start = _place(content, rng)
    number = rng.choice(EXTREMES) % 2 ** (8 * size)
    return content[:start] + struct.pack(kind, number) + content[start + size :]


PLAIN: list[Mutation] = [
    flip_bits, set_bytes, cut_off, cut_out, double, insert_bytes, swap_pieces, set_number
]  # fmt: skip


def _place(content: bytes, rng: random.Random) -> int:
    """A position, half of the time within the first bytes, where formats say what they are."""
    if not content:
        return 0
    return rng.randrange(min(len(content), 96) if rng.random() < 0.5 else len(content))


# ---- text


def swap_number(content: bytes, rng: random.Random) -> bytes:
    """A number becomes another, or something that looks like one."""
    tokens = _tokens(content)
    numbers = [i for i, token in enumerate(tokens) if token[:1].isdigit()]
    if numbers:
        tokens[rng.choice(numbers)] = rng.choice(NUMBERS)
    return b"".join(tokens)


def insert_word(content: bytes, rng: random.Random) -> bytes:
    """A word that means something to some reader stands before or instead of another."""
    tokens = _tokens(content) or [b""]
    place = rng.randrange(len(tokens))
    tokens[place] = rng.choice(WORDS) + (tokens[place] if rng.random() < 0.5 else b"")
    return b"".join(tokens)


def swap_tokens(content: bytes, rng: random.Random) -> bytes:
    """Two words change places."""
    tokens = _tokens(content)
    if len(tokens) > 1:
        a, b = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        tokens[a], tokens[b] = tokens[b], tokens[a]
    return b"".join(tokens)


def drop_token(content: bytes, rng: random.Random) -> bytes:
    """A word is missing."""
    tokens = _tokens(content)
    if tokens:
        del tokens[rng.randrange(len(tokens))]
    return b"".join(tokens)


def repeat_line(content: bytes, rng: random.Random) -> bytes:
    """A line stands in another place as well."""
    lines = content.split(b"\n")
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return b"\n".join(lines)


def _is_text(content: bytes) -> bool:
    start = content[:256]
    return b"\x00" not in start and sum(32 <= value < 127 or value == 10 for value in start) > 0.8 * len(
        start
    )


def _tokens(content: bytes) -> list[bytes]:
    """Runs of letters and digits, and the bytes between them."""
    tokens: list[bytes] = []
    inside = False
    for value in content:
        piece = bytes([value])
        is_word = piece.isalnum() or piece in b"._-+"
        if is_word and inside:
            tokens[-1] += piece
        else:
            tokens.append(piece)
        inside = is_word
    return tokens


# ---- well-formed JSON and YAML of another meaning


def json_value(content: bytes, rng: random.Random) -> bytes:
    """One value of a JSON file (or of one of its lines) is another, missing, or elsewhere."""
    lines = content.split(b"\n")
    chosen = rng.randrange(len(lines))
    for text, rebuilt in (
        (content, lambda new: new),
        (lines[chosen], lambda new: b"\n".join([*lines[:chosen], new, *lines[chosen + 1 :]])),
    ):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return rebuilt(json.dumps(_changed(value, rng)).encode())
    return insert_word(content, rng)


def yaml_value(content: bytes, rng: random.Random) -> bytes:
    """One value of a YAML file is another, missing, or elsewhere."""
    try:
        value = yaml.safe_load(content)
        return yaml.safe_dump(_changed(value, rng), sort_keys=False, allow_unicode=True).encode()
    except Exception:  # damaged already: PyYAML raises errors of many kinds
        return insert_word(content, rng)


def _changed(value: Any, rng: random.Random) -> Any:
    """The value with one place in it changed."""
    places = list(_places(value))
    if not places:
        return rng.choice(RUBBISH)
    holder, key = rng.choice(places)
    way = rng.randrange(6)
    if way < 3:
        holder[key] = rng.choice(RUBBISH)
    elif way == 3:
        del holder[key]
    elif way == 4 and isinstance(holder, dict):
        holder[rng.choice(("", "x", "step", "\x1b[31m", f"{key}x"))] = holder.pop(key)
    else:
        other, there = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[there]))
    return value


def _places(value: Any) -> Any:
    todo = [value]
    while todo:
        holder = todo.pop()
        inner = (
            holder.items()
            if isinstance(holder, dict)
            else enumerate(holder)
            if isinstance(holder, list)
            else ()
        )
        for key, held in inner:
            yield holder, key
            todo.append(held)


# ---- containers


def _safetensors_header(content: bytes) -> tuple[bytes, bytes] | None:
    """Header and body of a safetensors file."""
    if len(content) < 10 or content[8:9] != b"{":
        return None
    length = int.from_bytes(content[:8], "little")
    return (content[8 : 8 + length], content[8 + length :]) if length <= len(content) - 8 else None


def safetensors_header(content: bytes, rng: random.Random) -> bytes:
    """The JSON header of a safetensors file says something else, and is as long as it says."""
    parts = _safetensors_header(content)
    if parts is None:
        return flip_bits(content, rng)
    header, body = parts
    way = rng.choice((json_value, json_value, json_value, swap_number, insert_word, swap_tokens))
    header = way(header.rstrip(), rng)
    return len(header).to_bytes(8, "little") + header + body


def inside_archive(content: bytes, rng: random.Random) -> bytes:
    """One file of an archive is damaged, missing or renamed; the archive around it is whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    except Exception:  # damaged already
        return flip_bits(content, rng)
    if not entries:
        return content
    chosen, way = rng.randrange(len(entries)), rng.randrange(8)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", entries[0][0].compress_type) as archive:
        for number, (entry, held) in enumerate(entries):
            name = entry.filename
            if number == chosen and way == 0:
                continue
            if number == chosen and way == 1:
                name = rng.choice(
                    ("x", "../x", f"{name}.bak", entries[rng.randrange(len(entries))][0].filename)
                )
            elif number == chosen:
                held = rng.choice(_ways(held))(held, rng)
            archive.writestr(zipfile.ZipInfo(name), held)
    return target.getvalue()
