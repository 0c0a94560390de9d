# SPDX-License-Identifier: Apache-2.0
"""What is done for a request over Karbor's RPC before a flow of it runs."""
