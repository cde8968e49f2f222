"""Runs checks one after another, prints one line for each, and counts them."""

import sys
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

E = TypeVar("E", bound=Exception)


class Checks:
    """A list of results. A check fails by raising anything."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def run(self, name: str, check: Callable[[], object]) -> None:
        """Runs one check; the rest go on when it fails."""
        began = time.monotonic()
        try:
            check()
        except Exception as error:  # every failure is a result, none may stop the run
            self.add(False, f"{name}: {_reason(error)}", time.monotonic() - began)
        else:
            self.add(True, name, time.monotonic() - began)

    def add(self, ok: bool, line: str, seconds: float | None = None) -> None:
        """Counts a result that was found elsewhere."""
        self.passed += ok
        self.failed += not ok
        took = "" if seconds is None else f" ({seconds:.2f} s)"
        print(f"{'ok  ' if ok else 'FAIL'} {line}{took}", flush=True)

    def finish(self) -> int:
        """Prints the closing line and gives the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.passed and not self.failed else 1


def _reason(error: Exception) -> str:
    """The place in the check and the error, on one line."""
    frames = [f for f in traceback.extract_tb(sys.exc_info()[2]) if "/tests/" in f.filename]
    place = f"{frames[-1].name}:{frames[-1].lineno} " if frames else ""
    text = " ".join(str(error).split())[:400]
    return f"{place}{type(error).__name__}: {text}"


def equal(found: object, wanted: object, what: str = "value") -> None:
    """Both must be equal."""
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}, not {wanted!r}")


def holds(condition: object, what: str) -> None:
    """Something must be true."""
    if not condition:
        raise AssertionError(what)


def raises(kind: type[E], call: Callable[[], object]) -> E:
    """The call must raise exactly this kind or one below it."""
    try:
        result = call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised, but {result!r} returned")
