# SPDX-License-Identifier: Apache-2.0
"""``python3 -m sandbox demo``: the main job, told to a person who has never seen it.

``launch`` runs in any Python: it owns the sandbox, from its start to its end. ``run`` is its child
in Karbor's venv and tells the story: ``chapters`` does the work through the public APIs,
``content``, ``damage`` and ``checksums`` know files alone, ``telling`` and ``report`` speak.
"""
