# SPDX-License-Identifier: Apache-2.0
"""A proxy between Karbor and Manila that counts requests and injects planned faults."""
