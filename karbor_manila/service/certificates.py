# SPDX-License-Identifier: Apache-2.0
"""What certificates are checked with: Manila's as ``[manila_client]`` says, Keystone's as
``[keystone_authtoken]`` does.

A session of keystoneauth has one way for all that it connects to, and Karbor's factory makes it
Manila's. But it renews tokens at Keystone as well, whose authority may be another one.
"""

import pathlib
from typing import Any

from keystoneauth1 import session as ks_session
from oslo_config import cfg

from karbor_manila.manila import endpoint
from karbor_manila.service.errors import CaFileMissing


class _Checking(ks_session.TCPKeepAliveAdapter):
    """Checks certificates in a way of its own, whatever that of its session is.

    :param verify: path of a CA file, or False for no check
    """

    def __init__(self, verify: str | bool) -> None:
        self._verify = verify
        super().__init__()

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request, as the session asks for it otherwise."""
        return super().send(*args, **{**kwargs, "verify": self._verify})


def check_file(option: str, verify: Any) -> None:
    """What requests would only find out, and call an OSError, when it is to connect.

    :param option: of ``[manila_client]``, for the error
    :param verify: what a session has
    :raises CaFileMissing: it is a file that cannot be read
    """
    if not isinstance(verify, str):
        return
    try:
        if not pathlib.Path(verify).is_dir():
            with pathlib.Path(verify).open("rb"):
                pass
    except OSError as error:
        why = error.strerror or str(error)
        raise CaFileMissing(option, verify, why) from error


def keystone_apart(session: Any, conf: Any = cfg.CONF) -> None:
    """Have a session check Keystone with ``cafile`` or ``insecure`` of ``[keystone_authtoken]``, as
    Karbor does elsewhere (karbor/common/karbor_keystone_plugin.py). Without either, Keystone is
    checked as Manila is."""
    own = conf.keystone_authtoken
    verify = False if own.insecure else own.cafile
    if verify is None:
        return
    auth = session.auth
    # The wrapper of a user's token and Karbor's own has both within.
    plugins = (getattr(auth, name, None) for name in ("user_auth", "service_auth"))
    for url in {getattr(plugin, "auth_url", None) for plugin in (auth, *plugins)}:
        if url:
            session.mount(_top(url), _Checking(verify))


def _top(url: str) -> str:
    """What all URLs of Keystone begin with. Of a host alone the slash stays: other names begin with
    its name."""
    base = endpoint.base_of(url)
    return base if base.count("/") == 3 else base.rstrip("/")
