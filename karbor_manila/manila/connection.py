# SPDX-License-Identifier: Apache-2.0
"""Requests to Manila: the endpoint and its microversion, one request after the other, no retries.

manilaclient's adapter (``client.client``) sends the requests with the microversion, rather than its
managers: they write a completion cache into the home folder at every list and create
(manilaclient/base.py, completion_cache) and drop the request id, by which Manila's user messages
are found. keystoneauth reads what microversions there are (:mod:`.endpoint`).
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import cachetools
import requests.adapters
from keystoneauth1 import session as ks_session
from manilaclient import api_versions
from manilaclient import client as manilaclient
from manilaclient.common import constants
from oslo_log import log as logging

from karbor_manila.manila import endpoint, limit, responses
from karbor_manila.manila.endpoint import Where
from karbor_manila.manila.errors import (
    EndpointUnsuitable,
    ManilaRefused,
    ManilaReplaced,
    ManilaTransient,
)
from karbor_manila.manila.features import Features, as_numbers
from karbor_manila.manila.views import View

LOG = logging.getLogger(__name__)

# URL -> endpoint and microversion. A cloud is upgraded rarely, and one GET per operation is a cost
# that a plan with one share can feel.
_negotiated: cachetools.TTLCache[str, tuple[str, str]] = cachetools.TTLCache(maxsize=64, ttl=600)
_negotiated_lock = threading.Lock()

_NOT_ACCEPTABLE = 406


class Connection:
    """Manila as one session reaches it.

    :param session: a keystoneauth session
    :param where: where to find Manila
    :param own_project_id: the session's project, if it is known already
    :param timeout: seconds to wait for one answer
    :param parallel: requests of this connection under way at a time; the others wait for their
        turn, which they have among all connections of the process (:mod:`.limit`)
    :param patience: seconds that one waits for its turn; None for as long as the others take
    :raises EndpointMissing: there is none in the catalog
    :raises EndpointUnsuitable: what is there is not the v2 API of Manila
    :raises ManilaTooOld: no common microversion
    :raises ManilaTransient, ManilaRefused: as every request

    Every request raises ManilaReplaced, too, when an older Manila has taken the place of this one.
    """

    def __init__(
        self,
        session: Any,
        where: Where,
        *,
        own_project_id: str | None = None,
        timeout: float = 60.0,
        parallel: int = 10,
        patience: float | None = None,
    ) -> None:
        #: Called before each request that changes something; raises when it must not be sent.
        self.guard: Callable[[], None] = lambda: None
        #: So many requests are under way at a time.
        self.parallel = parallel
        self._session = session
        self._own_project_id = own_project_id
        self._answered = False  # as the v2 API of Manila does
        with responses.asking("find Manila in Keystone's catalog"):
            url = endpoint.find(session, where)
        # One for all of its projects and of its URLs.
        self._turns = limit.of_endpoint(endpoint.base_of(url)).client(
            parallel, request_takes=timeout, patience=patience
        )
        self._found_at, self._timeout = url, timeout
        found, microversion = self._known(url) or self._discover(url)
        self.endpoint = f"{found}/{where.in_path}" if where.in_path else found
        self.features = Features(microversion)
        if parallel > requests.adapters.DEFAULT_POOLSIZE:
            # As many connections are kept as are in use, else each of the others is made anew.
            pool = ks_session.TCPKeepAliveAdapter(pool_maxsize=parallel)
            session.mount(self.endpoint, pool)
        self._http = manilaclient.Client(
            api_versions.APIVersion(microversion),
            session=session,
            service_catalog_url=self.endpoint,
            timeout=timeout,
            retries=0,
        ).client
        # Share groups are an experiment of Manila's below 2.55, and it wants to hear that this is
        # known (manila/api/openstack/api_version_request.py); elsewhere it makes no difference.
        self._http.default_headers[constants.EXPERIMENTAL_HTTP_HEADER] = "true"

    @property
    def own_project_id(self) -> str:
        """The session's own project, to which belongs what is created."""
        if self._own_project_id is None:
            with responses.asking("find the project of the session"):
                self._own_project_id = self._session.get_project_id() or ""
        return self._own_project_id

    def limits(self) -> dict[str, int]:
        """The project's absolute limits and what is used of them; -1 is no limit."""
        asked = "show the quota of the project"
        limits = self._part(asked, self._ask("GET", "/limits", asked), "limits")
        absolute: dict[str, int] = self._part(asked, limits, "absolute")
        return absolute

    def quota_of(self, project_id: str) -> View:
        """A project's quota, for administrators: by name a view with ``limit`` (-1 for none),
        ``in_use`` and ``reserved`` (manila/api/views/quota_sets.py, detail_list)."""
        asked = f"show the quota of project {project_id}"
        reply = self._ask("GET", f"/quota-sets/{project_id}/detail", asked)
        found: View = self._part(asked, reply, "quota_set")
        return found

    def _get(self, path: str, key: str, asked: str, **form: Any) -> View | None:
        try:
            view: View = self._part(asked, self._send(asked, "GET", path, **form)[1], key)
        except ManilaRefused as refused:
            if refused.status == 404:
                self._confirm()
                return None
            raise
        return view

    def _confirm(self) -> None:
        """Make sure that a 404 is one of Manila's v2 API: below a wrong URL nothing is there.

        :raises EndpointUnsuitable: it is not
        """
        if self._answered:
            return
        try:
            self.limits()
        except ManilaRefused as refused:
            if refused.status == 404:
                raise EndpointUnsuitable(self.endpoint, str(refused)) from refused
        self._answered = True

    def _post(
        self, path: str, key: str, fields: Mapping[str, Any], asked: str, **form: Any
    ) -> View:
        response, body = self._send(asked, "POST", path, body={key: dict(fields)}, **form)
        view: View = self._part(asked, body, key)
        view["request_id"] = response.headers.get("x-openstack-request-id")
        return view

    def _act(
        self, share_id: str, body: Mapping[str, Any], asked: str, *, readable: bool = False
    ) -> dict[str, Any]:
        path = f"/shares/{share_id}/action"
        return self._send(asked, "POST", path, readable=readable, body=dict(body))[1]

    def _delete(self, path: str, asked: str, **form: Any) -> bool:
        try:
            self._send(asked, "DELETE", path, readable=False, **form)
        except ManilaRefused as refused:
            if refused.status == 404:
                self._confirm()
                return False
            raise
        return True

    def _ask(self, method: str, path: str, asked: str) -> dict[str, Any]:
        return self._send(asked, method, path)[1]

    def _part(self, asked: str, body: Mapping[str, Any], key: str) -> Any:
        found = responses.part(asked, body, key)
        self._answered = True
        return found

    def _send(
        self, asked: str, method: str, path: str, *, readable: bool = True, **kwargs: Any
    ) -> tuple[Any, dict[str, Any]]:
        with self._turns.turn(asked, self.endpoint), responses.asking(asked, self.endpoint):
            if method != "GET":
                self.guard()
            response, body = self._http.request(path, method, raise_exc=False, **kwargs)
        try:
            found = responses.checked(
                asked, response, body, readable=readable, endpoint=self.endpoint
            )
        except ManilaRefused as refused:
            if refused.status == _NOT_ACCEPTABLE and "microversion" not in kwargs:
                raise self._negotiated_again(asked) from refused
            raise
        return response, found

    def _negotiated_again(self, asked: str) -> Exception:
        """The error of a request in a microversion that Manila was found to speak, and does not. It
        has not looked at the request (manila/api/openstack/wsgi.py, Resource.__call__).

        :returns: ManilaReplaced when it is an older one by now: what this client has seen, and what
            it was about to send, is not as that one has it, so it must not go on. ManilaTransient
            when it does speak it: API servers differ while Manila is being upgraded.
        :raises ManilaTooOld: it is much older
        """
        with _negotiated_lock:
            _negotiated.pop(self._found_at, None)
        spoke = self.features.microversion
        speaks = self._discover(self._found_at)[1]
        if as_numbers(speaks) < as_numbers(spoke):
            return ManilaReplaced(asked, spoke, speaks, endpoint=self.endpoint)
        cause = f"one of its API servers does not speak microversion {spoke}, and another one does"
        return ManilaTransient(asked, cause, status=_NOT_ACCEPTABLE, endpoint=self.endpoint)

    @staticmethod
    def _known(url: str) -> tuple[str, str] | None:
        with _negotiated_lock:
            return _negotiated.get(url)

    def _discover(self, url: str) -> tuple[str, str]:
        with self._turns.turn("say which microversions it speaks", url):
            found = endpoint.discover(self._session, url, self._timeout)
        LOG.info("Manila at %s is spoken to in microversion %s", *found)
        with _negotiated_lock:
            _negotiated[url] = found
        return found
