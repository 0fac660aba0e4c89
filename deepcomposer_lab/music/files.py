"""Writing files so that a crash never leaves half a file behind."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(destination: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `destination`, whole or not at all.

    The bytes go to a hidden neighbour first, which then takes the name: another program sees the old file or
    the new one, never a part.

    Parameters
    ----------
    destination : path
        The file to write; one that exists is replaced. Its folder must exist.
    data : bytes
        All that the file is to hold.

    Raises
    ------
    OSError
        When the folder is missing or may not be written, or the destination is a folder; the message names the
        destination, and no file is left behind.
    """
    destination = Path(destination)
    if os.path.isdir(destination):
        raise IsADirectoryError(f"“{destination}” is a folder; add the name of a file in it.")
    if not os.path.isdir(destination.parent):
        raise FileNotFoundError(
            f"“{destination.name}” cannot be written: there is no folder “{destination.parent}”; make it first, or "
            f"check its spelling."
        )
    draft = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(data)
        os.replace(draft, destination)
    except OSError as error:
        if error.errno is None:
            raise
        # The system names the hidden neighbour, which nobody asked for.
        raise OSError(error.errno, error.strerror, str(destination)) from error
    finally:
        draft.unlink(missing_ok=True)
