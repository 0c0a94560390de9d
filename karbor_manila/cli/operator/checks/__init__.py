# SPDX-License-Identifier: Apache-2.0
"""What ``karbor-manila doctor`` looks at on Karbor's host, a module for each kind."""
