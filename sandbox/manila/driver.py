# SPDX-License-Identifier: Apache-2.0
"""A Manila share driver that keeps real bytes in directories of this machine.

A share is a directory, a snapshot a copy of it (reflinks where the file system has them). Below
``sandbox_export_root``::

    shares/<share instance id>/data         what the export location points to
    snapshots/<snapshot instance id>/data   as it was; nobody is meant to write here
    access/<instance id>.json               the rules that apply to a share or a snapshot
    mounts/<name>                           a link to the files of a share that has a name
    backups/<share backup id>/data          a backup of the driver's own type
    restored/                               restores that are done and not yet looked at
    groups/<share group id>                 what the backend knows of a group
    servers/<share server id>/details.json  a share server, where there are some
    frozen/<share instance id>              locks, see freezing.py
    scratch/                                work in progress, emptied at start

The copy is made file by file, so a snapshot is as consistent as the writers leave the share alone
meanwhile. Sizes are not enforced: only shrinking looks at them. The interface is that of
manila/share/driver.py (ShareDriver), one ability a file in backend/; ``python -m
sandbox.manila.table`` says which of its methods are there. Delays and faults for tests are
described in knobs.py.
"""

from sandbox.manila.backend.backups import Backups
from sandbox.manila.backend.groups import Groups
from sandbox.manila.backend.managing import Managing
from sandbox.manila.backend.migrations import Migrations
from sandbox.manila.backend.names import Names
from sandbox.manila.backend.replicas import Replicas
from sandbox.manila.backend.rules import AccessRules
from sandbox.manila.backend.servers import Servers
from sandbox.manila.backend.stats import Stats
from sandbox.manila.backend.usage import Usage


class DirectoryShareDriver(
    Groups, Backups, Replicas, Migrations, Names, AccessRules, Managing, Usage, Stats
):
    """Shares as directories, without share servers."""


class ServerShareDriver(Servers, DirectoryShareDriver):
    """The same, with share servers on share networks."""
