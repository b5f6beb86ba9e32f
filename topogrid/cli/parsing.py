"""A parser whose errors are exceptions of one line, with near misses."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from topogrid import __version__
from topogrid.settings.errors import SettingsError, did_you_mean, show

# argparse takes what begins with a dash for a flag, except plain decimals: "-1e-4" and "-inf" would be misread.
_NEGATIVE_NUMBER = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """A parser that takes no shortened flags and ends no program because of an error."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        said = f"topogrid {__version__}"
        self.add_argument("-V", "--version", action="version", version=said, help="say which version this is")

    def error(self, message: str) -> NoReturn:
        """Refuse a command line.

        Raises
        ------
        SettingsError
            Always.
        """
        missing = re.match(r"argument (\S+): expected", message)
        raise SettingsError(f"{missing[1]} needs a value; see --help" if missing else f"{message}; see --help")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse a command line, all of it.

        Raises
        ------
        SettingsError
            If a word is unknown, with the flag that may have been meant, or anything else is wrong.
        SystemExit
            After ``--help``.
        """
        arguments, rest = self.parse_known_args(with_readable_numbers(words))
        if not rest:
            return arguments
        flag = next((word.partition("=")[0] for word in rest if word.startswith("-")), None)
        if flag is None:
            raise SettingsError(f"{show(rest[0].strip())} is one word too many; see --help")
        known = sorted({option for action in self._actions for option in action.option_strings})
        raise SettingsError(f"unknown flag {show(flag)}{did_you_mean(flag, known) or '; see --help'}")


def with_readable_numbers(words: Iterable[str]) -> list[str]:
    """Put a blank before negative numbers, which keeps argparse from taking them for flags."""
    return [f" {word}" if _NEGATIVE_NUMBER.match(word) else word for word in words]
