# SPDX-License-Identifier: Apache-2.0
"""Karbor's own options in a provider's file, for the sample alone: Karbor declares and reads them
(karbor/services/protection/provider.py and bank_plugins/file_system_bank_plugin.py)."""

from oslo_config import cfg

PROVIDER_OPTS: list[cfg.Opt] = [
    cfg.StrOpt("name", sample_default="karbor-manila", help="The name that tenants see."),
    cfg.StrOpt(
        "description", sample_default="Manila shares", help="The description that tenants see."
    ),
    cfg.StrOpt(
        "id",
        sample_default="b766f37c-d011-4026-8228-28730d734a3f",
        help="A UUID of your own. Keep the one you have when you move from Karbor's share plugin: "
        "plans and checkpoints name it.",
    ),
    cfg.MultiStrOpt(
        "plugin",
        sample_default=[
            "karbor-manila-share-protection-plugin",
            "karbor-manila-project-plugin",
        ],
        help="The protection plugins: one line each. A later one takes over the types of an "
        "earlier one, so Karbor's noop plugin must not come after these.",
    ),
    cfg.StrOpt(
        "bank",
        sample_default="karbor-manila-fs-bank-plugin",
        help="The bank plugin. This one is a file-system bank that writes atomically; it reads "
        "what karbor-fs-bank-plugin wrote into the same folder.",
    ),
    cfg.BoolOpt("enabled", sample_default=True, help="Whether the provider is offered."),
]

BANK_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "file_system_bank_path",
        sample_default="/var/lib/karbor/bank",
        help="The folder of the file-system bank; it must be the same on every host that runs "
        "karbor-protection.",
    ),
]
