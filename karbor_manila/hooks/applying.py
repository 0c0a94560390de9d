# SPDX-License-Identifier: Apache-2.0
"""Which hooks are called for something: each says it itself."""

import functools
from collections.abc import Sequence

from oslo_log import log as logging

from karbor_manila.common.errors import ClaimLost
from karbor_manila.hooks import values
from karbor_manila.hooks.base import Call, Hook
from karbor_manila.hooks.terms import Terms, Time

LOG = logging.getLogger(__name__)


def applying(hooks: Sequence[Hook], call: Call, terms: Terms, time: Time) -> tuple[Hook, ...]:
    """Those of the hooks that are called for this, in their order.

    :raises HookError: one does not say it, and such errors are not suppressed
    """
    return tuple(hook for hook in hooks if _applies(hook, call, terms, time))


def _applies(hook: Hook, call: Call, terms: Terms, time: Time) -> bool:
    try:
        return bool(time.call(functools.partial(hook.applies, call=call), terms.timeout))
    except ClaimLost:
        raise
    except Exception as error:
        failure = values.error_of(hook, "pre", call.point, error)
        LOG.warning("Checkpoint %s: %s", call.checkpoint_id, failure, exc_info=error)
        if not terms.suppress_pre:
            raise failure from error
        return False
