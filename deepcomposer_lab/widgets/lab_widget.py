"""What every widget of the studio shares: questions from the browser, and files that a page fetches once.

The browser asks with a message `{"kind": "ask", "ask", "what", …}` and gets `{"kind": "answer", "ask", "value"}` or,
where the wish cannot be met, `{"kind": "answer", "ask", "error"}` with a sentence for people. Large files (the
synthesiser, the SoundFont, the notation engraver) are such answers too: a page asks for each once and keeps it, so that
none of them is in a trait, and a saved notebook holds none.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget

STATIC = Path(__file__).parent / "static"

ASSETS: dict[str, Path] = {
    "sound.js": STATIC / "assets" / "sound.js",
    "notation.js": STATIC / "assets" / "notation.js",
    "soundfont": Path(__file__).parents[1] / "soundfont" / "deepcomposer_lab.sf3",
}
"""What a page may fetch, by the name it asks for."""

Answer = Any  # plain values, or (plain values, [bytes, …])

_logger = logging.getLogger(__name__)


def styles(*names: str) -> str:
    """Return the tokens, the common controls and the named style sheets of `static/`, as one text."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ("tokens.css", "controls.css", *names))


@lru_cache
def _asset(name: str) -> tuple[bytes, str]:
    data = ASSETS[name].read_bytes()
    return data, hashlib.sha256(data).hexdigest()


class LabWidget(anywidget.AnyWidget):
    """A widget that answers questions of its page.

    A subclass offers answers by `self.answer("what", function)`; the function takes the question (a dict) and its
    buffers, and returns plain values, or a pair of plain values and a list of bytes.
    """

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._answers: dict[str, Callable[[dict[str, Any], Sequence[bytes]], Answer]] = {"asset": self._give_asset}
        self._slow: set[str] = set()
        self.on_msg(self._receive)

    def answer(
        self, what: str, function: Callable[[dict[str, Any], Sequence[bytes]], Answer], *, slow: bool = False
    ) -> None:
        """Offer an answer to the question `what`; a slow one is found in a thread, so that others need not wait."""
        self._answers[what] = function
        if slow:
            self._slow.add(what)

    def tell(self, kind: str, value: Any = None, buffers: Sequence[bytes] = ()) -> None:
        """Send what nobody asked for, such as progress: `{"kind": kind, "value": value}`."""
        self.send({"kind": kind, "value": value}, list(buffers))

    def _receive(self, _: object, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict) or content.get("kind") != "ask":
            return
        copied = [bytes(buffer) for buffer in buffers or ()]
        if content.get("what") in self._slow:
            threading.Thread(target=self._reply, args=(content, copied), daemon=True).start()
        else:
            self._reply(content, copied)

    def _reply(self, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        reply: dict[str, Any] = {"kind": "answer", "ask": content.get("ask")}
        sent: list[bytes] = []
        try:
            given = self._answers[content["what"]](content, buffers)
            reply["value"], sent = given if isinstance(given, tuple) else (given, [])
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            reply["error"] = str(error)
        except Exception as error:
            # No traceback reaches a learner; whoever looks for the cause finds it in the log.
            _logger.exception("A question of the page failed: %s", content.get("what"))
            reply["error"] = f"That did not work, by a fault of the program ({type(error).__name__})."
        self.send(reply, sent)

    def _give_asset(self, question: dict[str, Any], _: Sequence[bytes]) -> Answer:
        name = question.get("name")
        if name not in ASSETS:
            raise ValueError(f"There is no file {name!r}; there is {', '.join(ASSETS)}.")
        data, digest = _asset(name)
        if question.get("known") == digest:
            return {"name": name, "sha256": digest, "same": True}
        return {"name": name, "sha256": digest, "same": False}, [data]
