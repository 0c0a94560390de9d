# SPDX-License-Identifier: Apache-2.0
"""Events as messages in queues of Zaqar, for who reads them or subscribes by mail or webhook."""

import functools
import importlib
import logging as levels
import os
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from oslo_config import cfg

from karbor_manila.common.clock import Clock
from karbor_manila.common.errors import KarborManilaError, RefusedError
from karbor_manila.common.retry import retry
from karbor_manila.telemetry import zaqar_messages
from karbor_manila.telemetry.dispatch import Delivery, Listener
from karbor_manila.telemetry.errors import QueueNameUnusable
from karbor_manila.telemetry.zaqar_options import OPTIONS, TENANT

T = TypeVar("T")

#: Makes a session of keystoneauth for a request context of Karbor's, or for Karbor's own user when
#: that is None. It has a timeout.
Sessions = Callable[[Any], Any]
#: :func:`karbor_manila.telemetry.zaqar_post.post`.
Post = Callable[..., None]

# What python-zaqarclient takes (queues/v2/queues.py) and Zaqar, too (transport/validation.py).
_QUEUE = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SAMPLE_PROJECT = "0" * 32


class ZaqarListener(Listener):
    """Posts events, several in a request, and tries again while Zaqar is away.

    An event may be posted twice when an answer is lost: readers know it by its ``event_id``.

    :param sessions: how to log in; see :mod:`karbor_manila.service.zaqar`
    """

    options = OPTIONS
    #: The largest ``zaqar_batch_size``.
    most = 100

    def __init__(
        self,
        *,
        name: str,
        settings: Any,
        sessions: Sessions,
        post: Post | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(name=name, settings=settings)
        self._sessions = sessions
        self._post = post
        self._clock = clock or Clock()
        self._own: Any = None  # session of Karbor's own user, once it was needed
        #: Of this process in Zaqar's eyes.
        self.client_id = str(uuid.uuid4())

    def check(self) -> None:
        """The package is there, a queue can have the name, and the CA file can be read."""
        try:
            self._require_post()
        except ImportError as error:
            raise cfg.Error(
                f"event_listeners = {self.name}: python-zaqarclient cannot be imported ({error}). "
                f"Install it beside Karbor: pip install 'karbor-manila[zaqar]'"
            ) from error
        try:
            _checked(self._queue_of(_SAMPLE_PROJECT))
        except (QueueNameUnusable, ValueError, LookupError, AttributeError) as error:
            raise cfg.Error(
                f"zaqar_queue = {self.settings.zaqar_queue}: a queue of Zaqar has a name of at "
                f"most 64 letters, digits, underscores and dashes, in which {{project_id}} stands "
                f"for the 32 characters of a project's id and no other braces are"
            ) from error
        ca_file = self.settings.zaqar_ca_file
        if ca_file and not os.access(ca_file, os.R_OK):
            raise cfg.Error(f"zaqar_ca_file = {ca_file}: there is no such file that can be read")

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Post them, in their order in each queue.

        :raises KarborManilaError: what kept the events of a queue from being posted, once those of
            the others are
        """
        groups: dict[Any, list[Delivery]] = {}
        for each in deliveries:
            # By identity: a context is no key, and two of one tenant may have different tokens.
            key = self._queue_of(each.event.project_id), id(self._context(each))
            groups.setdefault(key, []).append(each)
        failed: list[KarborManilaError] = []
        patient = True
        for (queue, _), group in groups.items():
            try:
                self._post_all(_checked(queue), group, patient=patient)
            except KarborManilaError as error:
                failed.append(error)
                # What is wrong with one queue says nothing of the others.
                patient &= isinstance(error, RefusedError | QueueNameUnusable)
        if failed:
            raise failed[0]

    def _context(self, delivery: Delivery) -> Any:
        """In whose name an event is posted; None for Karbor's own user.

        That is so, too, of what Karbor does of its own accord when the tenant's name is wanted:
        nobody's token is there.
        """
        return delivery.context if self.settings.zaqar_credentials == TENANT else None

    def _post_all(self, queue: str, group: Sequence[Delivery], *, patient: bool) -> None:
        """Post events to one queue in one name.

        :param patient: whether to try again: once the patience for one queue is over, each of the
            others has one attempt
        """
        settings = self.settings
        size = settings.zaqar_request_size
        messages = [
            zaqar_messages.message(each.event, ttl=settings.zaqar_ttl, size=size) for each in group
        ]
        context = self._context(group[0])
        session = self._patiently(functools.partial(self._session, context), patient)
        post = functools.partial(
            self._require_post(),
            session,
            queue,
            client_id=self.client_id,
            interface=settings.zaqar_interface,
            region=settings.zaqar_region or None,
        )
        for batch in zaqar_messages.requests(messages, most=settings.zaqar_batch_size, size=size):
            self._patiently(functools.partial(post, batch), patient)

    def _patiently(self, action: Callable[[], T], patient: bool) -> T:
        return retry(
            action,
            timeout=self.settings.zaqar_retry_timeout if patient else 0.0,
            attempt_takes=self.settings.zaqar_timeout,
            clock=self._clock,
            # One line a minute is written of what comes to nothing, by the dispatcher.
            level=levels.DEBUG,
        )

    def _require_post(self) -> Post:
        """:raises ImportError: python-zaqarclient is not installed"""
        if self._post is None:
            name = "karbor_manila.telemetry.zaqar_post"
            self._post = cast(Post, importlib.import_module(name).post)
        return self._post

    def _session(self, context: Any) -> Any:
        """A tenant's lives as long as the posts of one delivery; Karbor's own logs in again and is
        kept."""
        if context is not None:
            return self._sessions(context)
        if self._own is None:
            self._own = self._sessions(None)
        return self._own

    def _queue_of(self, project_id: str) -> str:
        return str(self.settings.zaqar_queue.format(project_id=project_id))

    def stop(self) -> None:
        """Log out: forget the session."""
        self._own = None


def _checked(queue: str) -> str:
    """:raises QueueNameUnusable: no queue can have the name"""
    if not _QUEUE.fullmatch(queue):
        raise QueueNameUnusable(queue)
    return queue
