"""Files in a folder of pictures that are not read: of which kinds, and which classes are lost with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ganlens.printable import printable

COMMON_ENDINGS = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
RARE_ENDINGS = {".avif", ".jp2", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"}
READ_ENDINGS = frozenset(COMMON_ENDINGS | RARE_ENDINGS)
_OTHER_PICTURES = {
    *(".heic", ".heif", ".hif", ".jxl", ".jxr", ".svg", ".svgz", ".ico", ".icns", ".pcx", ".xbm", ".xpm"),
    *(".psd", ".psb", ".xcf", ".exr", ".hdr", ".pfm", ".pdf", ".eps", ".ai", ".wmf", ".emf", ".apng", ".dds"),
    *(".j2k", ".jpf", ".jpx", ".jpm", ".j2c", ".jpc", ".sgi", ".rgb", ".ras", ".im", ".qoi", ".bpg", ".flif"),
    *(".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".x3f"),
}
_OTHER_SAMPLES = {
    *(
        ".dcm",
        ".dicom",
        ".ima",
        ".nii",
        ".nrrd",
        ".mha",
        ".mhd",
        ".mgz",
        ".img",
        ".mnc",
        ".par",
        ".fits",
        ".fit",
    ),
    *(".czi", ".lif", ".nd2", ".vsi", ".svs", ".ndpi", ".mrxs", ".scn", ".oib", ".lsm", ".ims"),
    *(".npy", ".mat", ".h5", ".hdf5", ".tfrecord"),
    *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"),
}
UNREAD_ENDINGS = frozenset(_OTHER_PICTURES | _OTHER_SAMPLES)
"""Kinds that may well be pictures or samples, wherever they lie."""
BESIDE_ENDINGS = frozenset(
    {
        *(
            "",
            ".txt",
            ".md",
            ".rst",
            ".json",
            ".jsonl",
            ".csv",
            ".tsv",
            ".xml",
            ".yaml",
            ".yml",
            ".toml",
            ".html",
        ),
        *(
            ".md5",
            ".sha1",
            ".sha256",
            ".sums",
            ".db",
            ".ini",
            ".log",
            ".lock",
            ".bak",
            ".tmp",
            ".part",
            ".url",
        ),
        *(
            ".zip",
            ".tar",
            ".gz",
            ".tgz",
            ".7z",
            ".rar",
            ".py",
            ".sh",
            ".m",
            ".ipynb",
            ".pkl",
            ".npz",
            ".xls",
            ".xlsx",
        ),
    }
)
"""Lists, licences, checksums and the like, which lie beside pictures and are none."""

_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
"""Of PNG, JPEG, GIF and TIFF."""


def ending(path: Path) -> str:
    """The kind of a file: its last ending in lower case (".nii" of a brain.nii.gz)."""
    suffix = path.suffix.lower()
    return (Path(path.stem).suffix.lower() or suffix) if suffix == ".gz" else suffix


def is_picture_within(path: Path) -> bool:
    """Whether a regular file, whatever it is called, begins as pictures do."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return head.startswith(_BEGINNINGS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def unread_note(files: Iterable[Path], lost: Iterable[str]) -> str | None:
    """What to tell of files that are left out because of their kind; None where there are none.

    Args:
        files: those that are left out.
        lost: classes that have no others.
    """
    counted = Counter(map(ending, files))
    if not counted:
        return None
    total = counted.total()
    note = f"{_files(total)} of kinds that are not read {'is' if total == 1 else 'are'} left out: {_listed(counted)}"
    names = sorted(set(lost))
    if names:
        shown = ", ".join(map(printable, names[:10])) + (
            f" and {len(names) - 10} more" if len(names) > 10 else ""
        )
        note += f"; with them {'the class' if len(names) == 1 else 'the classes'} {shown}"
    return note


def nothing_read(files: Iterable[Path]) -> str:
    """What a folder has in which there is no picture."""
    counted = Counter(map(ending, files))
    if not counted:
        return "no pictures"
    read = ", ".join(sorted(READ_ENDINGS))
    return f"no pictures of a kind that is read ({read}), but {_files(counted.total())}: {_listed(counted)}"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _listed(counted: Counter[str]) -> str:
    most = counted.most_common(8)
    listed = ", ".join(f"{printable(kind) or 'without an ending'}: {_files(count)}" for kind, count in most)
    return listed + (f" and {len(counted) - 8} kinds more" if len(counted) > 8 else "")
