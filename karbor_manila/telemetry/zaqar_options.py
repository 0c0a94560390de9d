# SPDX-License-Identifier: Apache-2.0
"""The options of the listener that posts events to Zaqar."""

from oslo_config import cfg

from karbor_manila.common.float_opt import FloatOpt

KARBOR, TENANT = "karbor", "tenant"

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        "zaqar_queue",
        default="share-protection",
        help="The queue of Zaqar to which the listener zaqar posts events. {project_id} in it "
        "stands for the project whose shares an event is about, such as "
        "share-protection-{project_id}.",
    ),
    cfg.StrOpt(
        "zaqar_credentials",
        default=KARBOR,
        choices=[
            (KARBOR, "Karbor's own user ([trustee]), into a queue of its project, for operators"),
            (
                TENANT,
                "who asked for the work, into a queue of that project; what nobody asked for, such "
                "as a reconciliation, as with karbor",
            ),
        ],
        help="In whose name events are posted.",
    ),
    cfg.IntOpt(
        "zaqar_ttl",
        default=86400,
        min=60,
        max=1209600,
        help="Seconds after which Zaqar forgets an event.",
    ),
    cfg.IntOpt(
        "zaqar_batch_size",
        default=20,
        min=1,
        max=100,
        help="Events that are posted in one request at most.",
    ),
    cfg.IntOpt(
        "zaqar_request_size",
        default=262144,
        min=4096,
        max=104857600,
        help="Bytes that a request may have: max_messages_post_size in zaqar.conf. An event that "
        "does not fit is cut to its ids, and says so.",
    ),
    FloatOpt(
        "zaqar_timeout",
        default=10.0,
        min=0.1,
        max=600.0,
        help="Seconds to wait for one answer of Zaqar, or of Keystone.",
    ),
    FloatOpt(
        "zaqar_retry_timeout",
        default=30.0,
        min=0.0,
        max=3600.0,
        help="Seconds for which a post is tried again while Zaqar is away, before its events are "
        "given up and counted as failed. Those that come meanwhile wait in the queue of "
        "event_queue_size.",
    ),
    cfg.StrOpt(
        "zaqar_interface",
        default="public",
        choices=["public", "internal", "admin"],
        help="Which endpoint of Zaqar in Keystone's catalog (service type messaging) is used.",
    ),
    cfg.StrOpt("zaqar_region", default="", help="Its region; left empty, any."),
    cfg.StrOpt(
        "zaqar_ca_file",
        default="",
        help="The CA file for Zaqar's and Keystone's certificates. Left empty, what "
        "[manila_client] says is used.",
    ),
]
