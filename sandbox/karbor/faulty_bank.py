# SPDX-License-Identifier: Apache-2.0
"""A bank that fails when a test asks for it, through a JSON file, around whatever bank it is.

Chosen by its class path, with the file's path, among the options of our provider::

    provider/bank = sandbox.karbor.faulty_bank.FaultyBankPlugin
    faulty_bank/within = karbor-manila-fs-bank-plugin
    faulty_bank/faults_file = <state>/bank-faults.json

The file holds a list of rules and is read again at every call; an absent one means nothing::

    [{"call": "update", "key": "/intent$", "nth": 2, "times": 1}]

- ``call``: ``update``, ``get``, ``delete`` or ``list``.
- ``key``: a regular expression, searched for in the key (of a list: in its prefix).
- ``nth``: acts first on the nth call that matches (1), counted from the file's last change.
- ``times``: on how many calls it acts (1); null means for ever.
- ``client``: true for an error as the client of an object store raises it (false).

The rule fails the call with Karbor's own Bank...Failed, or with what Karbor's S3 and Swift banks
let through, and nothing is done. Each fault that was
hit appends a line to the file's name plus ``.hits``, so that a test can insist on it.
"""

import json
import pathlib
import re
from typing import Any

from karbor import exception, utils
from karbor.services.protection.bank_plugin import BankPlugin
from karbor.services.protection.provider import PROTECTION_NAMESPACE
from oslo_config import cfg

from sandbox import files

GROUP = "faulty_bank"
CLASS = "sandbox.karbor.faulty_bank.FaultyBankPlugin"
OPTS = [
    cfg.StrOpt("faults_file", help="JSON file with faults; may be absent."),
    cfg.StrOpt(
        "within",
        default="karbor-manila-fs-bank-plugin",
        help="The bank within: its entry point or its class path.",
    ),
]


class BrokenConnection(Exception):
    """As botocore raises it, an error of nobody's that Karbor knows."""


class Faults:
    """The rules of one file, and how often each matched and acted."""

    def __init__(self, path: str | None) -> None:
        self._path = pathlib.Path(path) if path else None
        self._version: tuple[int, int] | None = None
        self._rules: list[dict[str, Any]] = []

    def strikes(self, call: str, key: str) -> bool:
        """Whether this call has to fail; every rule counts every call that it matches."""
        self._read()
        strikes = client = False
        for rule in self._rules:
            if rule["call"] != call or not re.search(rule["key"], key):
                continue
            rule["seen"] = rule.get("seen", 0) + 1
            times = rule.get("times", 1)
            acted = rule.get("acted", 0)
            if rule["seen"] < rule.get("nth", 1) or (times is not None and acted >= times):
                continue
            rule["acted"] = acted + 1
            strikes, client = True, client or bool(rule.get("client"))
        if strikes:
            with hits(self._path).open("a") as stream:
                stream.write(json.dumps({"call": call, "key": key}) + "\n")
        if client:
            raise BrokenConnection("a test asked for it")
        return strikes

    def _read(self) -> None:
        """Read the file anew when it has changed, which also begins the counts anew."""
        try:
            status = self._path.stat() if self._path else None
        except FileNotFoundError:
            status = None
        version = (status.st_ino, status.st_mtime_ns) if status else None
        if version != self._version:
            self._version = version
            self._rules = (files.read_json(self._path) if version else None) or []


class FaultyBankPlugin(BankPlugin):
    """See the module."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        config.register_opts(OPTS, GROUP)
        options = config[GROUP]
        self._within = utils.load_plugin(PROTECTION_NAMESPACE, options.within, config)
        self._faults = Faults(options.faults_file)

    def update_object(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Write an object, unless a rule says no."""
        if self._faults.strikes("update", key):
            raise exception.BankUpdateObjectFailed(reason="a test asked for it", key=key)
        return self._within.update_object(key, value, *args, **kwargs)

    def get_object(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Read an object, unless a rule says no."""
        if self._faults.strikes("get", key):
            raise exception.BankGetObjectFailed(reason="a test asked for it", key=key)
        return self._within.get_object(key, *args, **kwargs)

    def delete_object(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Remove an object, unless a rule says no."""
        if self._faults.strikes("delete", key):
            raise exception.BankDeleteObjectFailed(reason="a test asked for it", key=key)
        return self._within.delete_object(key, *args, **kwargs)

    def list_objects(self, prefix: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """List keys, unless a rule says no."""
        if self._faults.strikes("list", prefix or ""):
            raise exception.BankListObjectsFailed(reason="a test asked for it")
        return self._within.list_objects(prefix, *args, **kwargs)

    def get_owner_id(self, context: Any = None) -> Any:
        """Return the owner id of this process."""
        return self._within.get_owner_id(context=context)

    def __getattr__(self, name: str) -> Any:
        """Whatever else the bank within can do."""
        return getattr(self.__dict__["_within"], name)


def hits(path: pathlib.Path | None) -> pathlib.Path:
    """The file that tells which faults of a faults file were hit."""
    assert path is not None  # noqa: S101 - without a file there are no rules
    return path.with_name(path.name + ".hits")
