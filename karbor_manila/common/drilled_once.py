# SPDX-License-Identifier: Apache-2.0
"""What Karbor's service and the command ``drill`` say to each other of a drill that is not due."""

#: Ends the sentence of a refusal that is none: somebody else drills it, or just has.
NOT_AGAIN = "It is not drilled once more."


def is_not_due(refusal: str) -> bool:
    """Whether Karbor refused a drill because there is, or just was, another one."""
    return NOT_AGAIN in refusal
