# SPDX-License-Identifier: Apache-2.0
"""What the service asks of its message broker, on a real RabbitMQ."""
