# SPDX-License-Identifier: Apache-2.0
"""The one HTTP error layer: what became of a request, as an error of the room that sent it."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keystoneauth1 import exceptions as ks_exc

from karbor_manila.common.errors import KarborManilaError
from karbor_manila.common.masking import masked

# So many characters of what others say are shown.
_LONGEST = 1000


@dataclass(frozen=True)
class Failure:
    """What is known of a request that brought no good answer.

    ``asked`` stands behind "could not be asked to". ``answer`` is one line, without secrets.
    ``status`` is that of HTTP, 0 when there was no answer; ``own`` whether it is of the service
    itself and not of something in front of it. ``retry_after`` is in seconds. ``endpoint`` is the
    URL that was asked, empty when it is not known.
    """

    service: str
    asked: str
    answer: str
    status: int = 0
    own: bool = True
    request_id: str | None = None
    retry_after: float = 0.0
    endpoint: str = ""

    @property
    def cause(self) -> str:
        """The answer with its status."""
        if not self.status:
            return self.answer
        whose = "" if self.own else f" that is not {self.service}'s own"
        return f"HTTP {self.status}{whose}, {self.answer}"


@dataclass(frozen=True)
class Answers:
    """How a room reads the answers of its service.

    :param service: its name, for people
    :param transient: makes the error after which the same request may succeed
    :param refused: makes the error that a repetition cannot change
    :param is_own: whether a bad answer (the response and its decoded body) is of the service itself
    """

    service: str
    transient: Callable[[Failure], KarborManilaError]
    refused: Callable[[Failure], KarborManilaError]
    is_own: Callable[[Any, Any], bool] = lambda _response, _body: True

    @contextlib.contextmanager
    def asking(self, asked: str, endpoint: str = "") -> Iterator[None]:
        """Sort what keystoneauth raises: a broken connection is transient, the rest is final.

        Keystone's own errors on the way (a token that cannot be renewed) come through here too.
        """
        try:
            yield
        except ks_exc.SSLError as error:
            answer = f"its certificate was not accepted: {error}"
            raise self.refused(self._failure(asked, answer, endpoint=endpoint)) from error
        except (ks_exc.ConnectionError, ks_exc.DiscoveryFailure) as error:
            # The second is what a generic password plugin makes of a Keystone that is away.
            raise self.transient(self._failure(asked, error, endpoint=endpoint)) from error
        except ks_exc.HttpError as error:
            status = int(error.http_status or 0)
            raise self._sorted(
                self._failure(
                    asked, error, status=status, request_id=error.request_id, endpoint=endpoint
                )
            ) from error
        except ks_exc.ClientException as error:
            raise self.refused(self._failure(asked, error, endpoint=endpoint)) from error
        except (ConnectionError, TimeoutError) as error:
            raise self.transient(self._failure(asked, error, endpoint=endpoint)) from error
        except OSError as error:
            # What requests raises unchanged: a CA or key file that it cannot read.
            answer = f"the connection could not be prepared: {error}"
            raise self.refused(self._failure(asked, answer, endpoint=endpoint)) from error

    def checked(
        self, asked: str, response: Any, body: Any, *, readable: bool = True, endpoint: str = ""
    ) -> dict[str, Any]:
        """The body of a good answer; of a bad one the error, in the service's own words.

        A bad answer that is not the service's own is one of something between us and it: on its
        word nothing is gone and nothing is refused, so that it is transient.

        :param body: decoded, None if that could not be done
        :param readable: whether a good answer has a body
        """
        if response.status_code >= 400:
            raise self._sorted(self.failed(asked, response, body, endpoint))
        if not readable:
            return {}
        if not isinstance(body, dict):
            # Cut short on the way: as good as a broken connection.
            failure = self._failure(asked, "the reply could not be read", endpoint=endpoint)
            raise self.transient(failure)
        return body

    def part(self, asked: str, body: Mapping[str, Any], key: str) -> Any:
        """A part of a good answer. Something between us and the service may answer in its place."""
        if key not in body:
            raise self.transient(self._failure(asked, f"the reply has no {key!r}"))
        return body[key]

    def failed(self, asked: str, response: Any, body: Any, endpoint: str = "") -> Failure:
        """What a bad answer says."""
        reason = sentence(body) or str(response.reason or "no reason given")
        return self._failure(
            asked,
            reason,
            status=response.status_code,
            own=self.is_own(response, body),
            request_id=response.headers.get("x-openstack-request-id"),
            retry_after=_seconds(response.headers.get("retry-after")),
            endpoint=endpoint,
        )

    def _failure(self, asked: str, answer: object, **known: Any) -> Failure:
        return Failure(self.service, asked, _line(answer), **known)

    def _sorted(self, failure: Failure) -> KarborManilaError:
        passes = failure.status >= 500 or failure.status in (408, 429) or not failure.own
        return self.transient(failure) if passes else self.refused(failure)


def sentence(body: Any) -> str:
    """The sentence in an error body of Manila, Karbor or a proxy on the way, masked:
    ``{"badRequest": {"code": 400, "message": ...}}`` or ``{"message": ...}``."""
    objects = [body, *body.values()] if isinstance(body, dict) else []
    for error in objects:
        if isinstance(error, dict) and isinstance(error.get("message"), str | int):
            return without_secrets(str(error["message"])) if error["message"] else ""
    return ""


def without_secrets(text: str) -> str:
    """A text with what looks like a secret masked.

    A proxy may repeat a request's headers, and its answer is shown to users.
    """
    return masked(text)[:_LONGEST]


def _line(answer: object) -> str:
    return " ".join(without_secrets(str(answer)).split())


def _seconds(value: object) -> float:
    """A Retry-After in seconds; one that is a date, which no service of ours sends, counts as
    none."""
    try:
        seconds = float(str(value or 0))
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < math.inf else 0.0
