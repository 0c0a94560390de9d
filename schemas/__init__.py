# SPDX-License-Identifier: Apache-2.0
"""The JSON Schemas of karbor-manila: the one source for Karbor's forms, validation and docs.

Packaged as ``karbor_manila.schemas``; each schema stands in a file of its own beside this one.
"""

import json
from importlib import resources
from typing import Any

__all__ = [
    "HOOK_RUN_SCHEMA",
    "INTENT_SCHEMA",
    "OPTIONS_SCHEMA",
    "PLAN_SCHEMA",
    "PROJECT_OPTIONS_SCHEMA",
    "PROJECT_SCHEMA",
    "RECORD_SCHEMA",
    "RESTORE_SCHEMA",
    "SAVED_INFO_SCHEMA",
    "VERIFY_SCHEMA",
    "WATCH_SCHEMA",
]


def _load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(
        resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    )
    return schema


#: Parameters of a plan for OS::Manila::Share.
OPTIONS_SCHEMA = _load("options")
#: Parameters of a restore for OS::Manila::Share.
RESTORE_SCHEMA = _load("restore")
#: Parameters of a verification for OS::Manila::Share.
VERIFY_SCHEMA = _load("verify")
#: What a checkpoint tells of a share that it holds.
SAVED_INFO_SCHEMA = _load("saved_info")
#: The complete record of a protected share, in the bank under Karbor's key ``metadata``.
RECORD_SCHEMA = _load("record")
#: The intent to create something in Manila, in the bank under a key of its own.
INTENT_SCHEMA = _load("intent")
#: Which hooks have begun and are not through, in the bank under a key of its own.
HOOK_RUN_SCHEMA = _load("hook_run")
#: A plan with its schedules, in the bank under a key of its own.
PLAN_SCHEMA = _load("plan")
#: What a hook of Manila tells of snapshots and shares of ours.
WATCH_SCHEMA = _load("watch")
#: Parameters of a plan for OS::Keystone::Project.
PROJECT_OPTIONS_SCHEMA = _load("project_options")
#: OS::Keystone::Project takes no other parameters and saves nothing.
PROJECT_SCHEMA = _load("project")
