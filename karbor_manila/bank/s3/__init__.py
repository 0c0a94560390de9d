# SPDX-License-Identifier: Apache-2.0
"""Our bank in S3: reads what Karbor's wrote, keeps order, gives back what it was given."""
