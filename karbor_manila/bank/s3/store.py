# SPDX-License-Identifier: Apache-2.0
"""One bucket, by botocore: objects put, got, removed and listed under Karbor's keys.

botocore is the client that Karbor's own bank has, and what boto3 is made of. Servers differ in two
things that matter here. Karbor's keys begin with a slash: SeaweedFS leaves it out of its lists. And
a list is in the order of keys on AWS (botocore's description of ListObjectsV2), in another one on
SeaweedFS.
"""

import contextlib
import functools
import logging as standard_logging
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from oslo_config import cfg
from oslo_log import log as logging

from karbor_manila.bank.objects.answers import status
from karbor_manila.bank.objects.store import Found
from karbor_manila.bank.s3 import options

LOG = logging.getLogger(__name__)

#: What Karbor puts before the names of labels, in the metadata of an object
#: (karbor/services/protection/bank_plugins/s3_bank_plugin.py, update_object).
_LABEL = "x-object-meta-"

_PAGE = 1000  # keys in one answer, the most that S3 gives
# What the client repeats by itself is behind the look at the claim, and however long the process
# slept before: a write may not come after another one has taken the work over
# (karbor_manila/bank/objects/once_more.py).
_WRITES = 1
_CONNECTIONS = 64  # more than green threads of one flow are at work
_AT_HOME = frozenset({None, "us-east-1", "aws-global"})  # regions in which no bucket names its own


class Bucket:
    """A :class:`karbor_manila.bank.objects.store.Store`. It raises what botocore raises.

    :param config: of the provider's file, with the options of :mod:`karbor_manila.bank.s3.options`
    :raises cfg.RequiredOptError: the options name no bucket
    """

    def __init__(self, config: cfg.ConfigOpts) -> None:
        self.name = config[options.BANK].bank_s3_object_bucket
        if not self.name:
            raise cfg.RequiredOptError("bank_s3_object_bucket", cfg.OptGroup(options.BANK))
        attempts = max(1, config[options.CLIENT].s3_retry_attempts)
        self._client = _client(config, attempts)
        self._writer = _client(config, _WRITES)

    def create(self) -> None:
        """Make the bucket if there is none."""
        try:
            self._client.head_bucket(Bucket=self.name)
        except ClientError as error:
            if status(error) == 404:
                self._create()
            elif status(error) != 403:  # who may use a bucket need not be allowed to look at it
                raise

    def put(self, key: str, content: bytes, labels: Mapping[str, str]) -> None:
        """Keep an object, whole or not at all."""
        metadata = {_LABEL + name: value for name, value in labels.items()}
        with self._writing() as writer:
            writer.put_object(Bucket=self.name, Key=key, Body=content, Metadata=metadata)

    def get(self, key: str) -> Found:
        """An object."""
        answer = self._client.get_object(Bucket=self.name, Key=key)
        with contextlib.closing(answer["Body"]) as body:
            content = body.read()
        labels = {
            name.lower().removeprefix(_LABEL): value
            for name, value in answer.get("Metadata", {}).items()
        }
        return Found(content, labels)

    def delete(self, key: str) -> None:
        """Have no such object; S3 does not say whether there was one."""
        with self._writing() as writer:
            writer.delete_object(Bucket=self.name, Key=key)

    def keys(
        self, prefix: str, marker: str | None, *, limit: int | None, descending: bool
    ) -> Iterator[str]:
        """Keys that begin with the prefix, in the order of plain strings or its reverse.

        All of them are read, whatever the limit: S3 lists in one direction, and not each server in
        the same order.
        """
        for key in sorted({*self._listed(prefix)}, reverse=descending):
            if marker is None or (key < marker if descending else key > marker):
                yield key

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Any]:
        """The client that writes. When the server does not answer, what idled on the same way, such
        as through a balancer that has failed over, would cost a failure each: it is closed."""
        try:
            yield self._writer
        except Exception as error:
            if status(error) is None:
                self._writer.close()
            raise

    def _listed(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name,
            # SeaweedFS has no key that begins with a slash, and Karbor none that does not.
            Prefix="" if prefix == "/" else prefix,
            PaginationConfig={"PageSize": _PAGE},
        )
        for page in pages:
            for found in page.get("Contents", ()):
                yield "/" + found["Key"].lstrip("/")

    def _create(self) -> None:
        region = self._client.meta.region_name
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._client.create_bucket(Bucket=self.name, **({} if region in _AT_HOME else where))
        except ClientError as error:
            # Another process was quicker.
            if error.response.get("Error", {}).get("Code") != "BucketAlreadyOwnedByYou":
                raise
        LOG.info("The bucket %s was made", self.name)


@functools.cache
def _session() -> Any:
    """One for all banks of a process: the description of S3's interface takes a third of a second
    to read."""
    return botocore.session.get_session()


def _client(config: cfg.ConfigOpts, attempts: int) -> Any:
    given, timeout = config[options.CLIENT], config[options.OBJECTS].request_timeout
    # botocore logs the headers of requests at DEBUG, and by them who logs in.
    standard_logging.getLogger("botocore").setLevel(standard_logging.WARNING)
    return _session().create_client(
        "s3",
        aws_access_key_id=given.s3_access_key,
        aws_secret_access_key=given.s3_secret_key,
        endpoint_url=given.s3_endpoint,
        config=Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=_CONNECTIONS,
            # Servers other than Amazon's do not all know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
