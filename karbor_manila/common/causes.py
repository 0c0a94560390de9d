# SPDX-License-Identifier: Apache-2.0
"""What an error was raised from."""

from collections.abc import Iterator


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, the outermost first, each of them once.

    An exception that is kept and raised again may come to be its own cause by way of another one:
    who follows that without end holds up a whole service.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = link.__cause__ or link.__context__
