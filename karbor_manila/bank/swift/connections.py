# SPDX-License-Identifier: Apache-2.0
"""Connections to Swift, one for each request that is under way."""

import collections
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from keystoneauth1 import identity
from keystoneauth1 import session as keystone_session
from oslo_config import cfg
from swiftclient import client as swift

from karbor_manila.bank.objects.answers import status

#: How often the client repeats a request at most that only reads. Whoever asks a bank repeats it,
#: too, in the time in which a request to Karbor has to be answered.
REPETITIONS = 1


@dataclass(frozen=True)
class Access:
    """How Swift is reached. It does not show the key.

    :ivar catalog: service type and interface in Keystone's catalog
    :ivar timeout: seconds, of Keystone's and of Swift's answers
    :ivar backoff: seconds before the first repetition
    """

    auth_url: str
    user: str
    project: str
    user_domain: str
    project_domain: str
    catalog: tuple[str, str]
    timeout: float
    retries: int
    backoff: int
    cacert: str | None
    insecure: bool
    key: str = field(repr=False)

    @classmethod
    def of(cls, options: cfg.ConfigOpts.GroupAttr, timeout: float) -> "Access":
        """By Karbor's ``[swift_client]`` (karbor/services/protection/clients/swift.py)."""
        kind, _, rest = options.swift_catalog_info.partition(":")
        return cls(
            auth_url=options.swift_auth_url,
            user=options.swift_user,
            project=options.swift_tenant_name,
            user_domain=options.swift_user_domain_name,
            project_domain=options.swift_project_domain_name,
            catalog=(kind, rest.rpartition(":")[2] or "public"),
            timeout=timeout,
            retries=min(options.swift_retry_attempts, REPETITIONS),
            backoff=options.swift_retry_backoff,
            cacert=options.swift_ca_cert_file,
            insecure=options.swift_auth_insecure,
            key=options.swift_key,
        )

    def session(self) -> keystone_session.Session:
        """A session of the bank's user. Tokens are asked for when one is needed."""
        auth = identity.Password(
            auth_url=self.auth_url,
            username=self.user,
            password=self.key,
            project_name=self.project,
            user_domain_name=self.user_domain,
            project_domain_name=self.project_domain,
        )
        verify = False if self.insecure else self.cacert or True
        return keystone_session.Session(auth=auth, verify=verify, timeout=self.timeout)

    def connect(self, session: keystone_session.Session) -> swift.Connection:
        """A connection that is opened by its first request."""
        kind, interface = self.catalog
        return swift.Connection(
            session=session,
            os_options={"service_type": kind, "endpoint_type": interface},
            insecure=self.insecure,
            cacert=self.cacert,
            retries=self.retries,
            starting_backoff=self.backoff,
            timeout=self.timeout,
        )


class Connections:
    """swiftclient's connection is one thread's at a time; so each request takes one of its own, and
    all of them share a session, and so a token."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session = access.session()
        self._idle: collections.deque[swift.Connection] = collections.deque()

    @contextlib.contextmanager
    def one(self, *, writes: bool = False) -> Iterator[Any]:
        """A connection that nobody else uses in the block.

        :param writes: the client repeats nothing; :mod:`karbor_manila.bank.objects.once_more` does
        :raises keystoneauth1.exceptions.ClientException: there is no token
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._access.connect(self._session)
        try:
            # Each connection keeps the token that it began with, and swiftclient writes no bytes
            # again for one that ran out.
            if connection.token:
                connection.token = self._session.get_token()
            connection.retries = 0 if writes else self._access.retries
            yield connection
        except BaseException as error:  # nothing is swallowed: an answer may still be on its way
            connection.close()
            if status(error) is None:
                self._close_idle()
            raise
        self._idle.append(connection)

    def _close_idle(self) -> None:
        """Swift did not answer: what idled on the same way, such as through a balancer that has
        failed over, would cost a failure each."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()
