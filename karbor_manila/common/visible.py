# SPDX-License-Identifier: Apache-2.0
"""Text of others made harmless: what a terminal or a log would obey is shown instead.

Names, descriptions and reasons come from whoever may write to Manila. A control character in them
moves the cursor or begins a new line, an override of the direction shows another text than there
is, and half a surrogate pair cannot be printed at all.
"""

import unicodedata

# Controls, formats, surrogates, and the separators of lines and paragraphs.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# The two joiners are formats, too, but letters of Persian and Hindi and emoji need them.
_LETTERS = "\u200c\u200d"


def visible(text: str) -> str:
    """The text in one line, each such character as Python writes it: ``\\x1b``, ``\\n``.

    What was made visible before stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(_shown(letter) if _is_obeyed(letter) else letter for letter in text)


def visible_lines(text: str) -> str:
    """The same, but for its own line breaks: of text that is ours and holds words of others."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _is_obeyed(letter: str) -> bool:
    return letter not in _LETTERS and unicodedata.category(letter) in _OBEYED


def _shown(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
