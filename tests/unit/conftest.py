# SPDX-License-Identifier: Apache-2.0
"""What all unit tests have: no example of a property is judged by the machine's speed."""

import hypothesis

# As Hypothesis does by itself where a variable of the environment names a CI, and nowhere else.
hypothesis.settings.register_profile(
    "unit",
    hypothesis.settings.get_profile(hypothesis.settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("unit")
