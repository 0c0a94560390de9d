# SPDX-License-Identifier: Apache-2.0
"""The cloud's options as help and completion show them, without loading what reads them.

openstacksdk and keystoneauth1 take half a second to load, and look for clouds.yaml before they say
which options there are. What is shown here is theirs for a user with a password; a test compares
the two. A command that runs takes theirs.
"""

import argparse
from collections.abc import Sequence

_NAME = "<name>"

# Flags, metavar (None for argparse's own), and what they mean.
_Option = tuple[tuple[str, ...], str | None, str]

_FIRST: list[_Option] = [
    (("--os-cloud",), _NAME, "Named cloud to connect to"),
    (("--os-auth-type", "--os-auth-plugin"), _NAME, "Authentication type to use"),
]
_BOTH_DOMAINS = "It will be used for both the user and project domain in v3 and ignored in v2"
_GROUPS: list[tuple[str, str, list[_Option]]] = [
    (
        "Authentication Options",
        "Options specific to the password plugin.",
        [
            (("--os-auth-url",), None, "Authentication URL"),
            (("--os-system-scope",), None, "Scope for system operations"),
            (("--os-domain-id",), None, "Domain ID to scope to"),
            (("--os-domain-name",), None, "Domain name to scope to"),
            (("--os-project-id", "--os-tenant-id"), None, "Project ID to scope to"),
            (("--os-project-name", "--os-tenant-name"), None, "Project name to scope to"),
            (("--os-project-domain-id",), None, "Domain ID containing project"),
            (("--os-project-domain-name",), None, "Domain name containing project"),
            (("--os-trust-id",), None, "ID of the trust to use as a trustee use"),
            (
                ("--os-default-domain-id",),
                None,
                f"Optional domain ID to use with v3 and v2 parameters. {_BOTH_DOMAINS} "
                "authentication.",
            ),
            (
                ("--os-default-domain-name",),
                None,
                f"Optional domain name to use with v3 API and v2 parameters. {_BOTH_DOMAINS} "
                "authentication.",
            ),
            (("--os-user-id",), None, "User id"),
            (("--os-username", "--os-user-name"), None, "Username"),
            (("--os-user-domain-id",), None, "User's domain id"),
            (("--os-user-domain-name",), None, "User's domain name"),
            (("--os-password",), None, "User's password"),
        ],
    ),
    (
        "API Connection Options",
        "Options controlling the HTTP API Connections",
        [
            (
                ("--insecure",),
                "",
                'Explicitly allow client to perform "insecure" TLS (https) requests. The server\'s '
                "certificate will not be verified against any certificate authorities. This "
                "option should be used with caution.",
            ),
            (
                ("--os-cacert",),
                "<ca-certificate>",
                "Specify a CA bundle file to use in verifying a TLS (https) server certificate. "
                "Defaults to env[OS_CACERT].",
            ),
            (
                ("--os-cert",),
                "<certificate>",
                "The location for the keystore (PEM formatted) containing the public key of this "
                "client. Defaults to env[OS_CERT].",
            ),
            (
                ("--os-key",),
                "<key>",
                "The location for the keystore (PEM formatted) containing the private key of this "
                "client. Defaults to env[OS_KEY].",
            ),
            (("--timeout",), "<seconds>", "Set request timeout (in seconds)."),
            (("--collect-timing",), "", "Collect per-API call timing information."),
            (
                ("--tls-ciphers",),
                "<ciphers>",
                "An OpenSSL cipher string to set the allowed ciphers for TLS connections. If not "
                "specified, the default ciphers from the underlying OpenSSL library are used. "
                "Defaults to env[OS_TLS_CIPHERS].",
            ),
            (
                ("--tls-min-version",),
                "{None,1.2,1.3}",
                "The minimum TLS version to require for TLS connections. When not specified, the "
                "behavior is undefined and defers to the system cryptographic policy. Defaults to "
                "env[OS_TLS_MIN_VERSION].",
            ),
        ],
    ),
    (
        "Service Options",
        "Options controlling the specialization of the API Connection from information found in "
        "the catalog",
        [
            (("--os-service-type",), _NAME, "Service type to request from the catalog"),
            (("--os-service-name",), _NAME, "Service name to request from the catalog"),
            (("--os-interface",), _NAME, "API Interface to use [public, internal, admin]"),
            (("--os-region-name",), _NAME, "Region of the cloud to use"),
            (
                ("--os-endpoint-override",),
                _NAME,
                "Endpoint to use instead of the endpoint in the catalog",
            ),
            (("--os-api-version",), _NAME, "Which version of the service API to use"),
        ],
    ),
]


def are_enough(argv: Sequence[str]) -> bool:
    """Whether a command line asks for no more than what options there are."""
    words = [word for word in argv if not word.startswith("-")]
    asks = {"-h", "--help"} & set(argv) or words[:1] in (["help"], ["complete"])
    return bool(asks)


def show(parser: argparse.ArgumentParser) -> None:
    """Add the options, to be shown alone: nothing is read."""
    _add(parser, _FIRST)
    for title, description, options in _GROUPS:
        _add(parser.add_argument_group(title, description), options)


def _add(group: argparse._ActionsContainer, options: list[_Option]) -> None:
    for flags, metavar, meaning in options:
        if metavar == "":
            group.add_argument(*flags, action="store_true", help=meaning)
        else:
            group.add_argument(*flags, metavar=metavar, help=meaning)
