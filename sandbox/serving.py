# SPDX-License-Identifier: Apache-2.0
"""What the sandbox's web servers have in common; each of them runs in its own venv."""

#: Seconds that an API keeps an idle connection: what Manila and Karbor have under eventlet
#: (oslo.service, client_socket_timeout). cheroot's own ten are less than one command of an operator
#: takes on a busy machine: a client that then asks on its old connection meets its end.
IDLE_SECONDS = 900
