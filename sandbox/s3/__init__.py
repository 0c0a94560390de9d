# SPDX-License-Identifier: Apache-2.0
"""An S3 server (SeaweedFS, one process) for the bank: its configuration and launcher."""
