# SPDX-License-Identifier: Apache-2.0
"""The state folder."""

import stat

import pytest

from sandbox import errors
from sandbox.state import Settings, State


def test_a_new_folder_is_for_its_owner_only_and_recognised_again(tmp_path):
    state = State(tmp_path / "state")
    state.ensure()
    passwords = state.passwords()
    State(tmp_path / "state").ensure()
    assert state.passwords() == passwords
    people = {"admin", "karbor", "manila", "zaqar", "swift", "alpha", "beta"}
    assert set(passwords) == {*people, "mariadb", "rabbitmq"}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_folder_with_other_things_is_neither_used_nor_removed(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(errors.NotAState):
        State(tmp_path).ensure()
    with pytest.raises(errors.NotAState):
        State(tmp_path).remove()
    assert (tmp_path / "thesis.tex").exists()


def test_remove_takes_everything_and_nothing_twice(tmp_path):
    state = State(tmp_path / "state")
    state.ensure()
    state.remove()
    assert not state.root.exists()
    state.remove()


def test_settings_stay_until_others_are_given(tmp_path):
    state = State(tmp_path / "state")
    state.ensure()
    assert state.settings() == Settings()
    state.save_settings(state.settings().changed(debug=True, share_options={"a": 1}))
    state.save_settings(state.settings().changed(debug=None, pythonpath=["/somewhere"]))
    found = state.settings()
    assert (found.debug, found.share_options) == (True, {"a": 1})
    assert found.pythonpath == ("/somewhere",)


def test_a_setting_that_does_not_exist_is_refused():
    with pytest.raises(TypeError):
        Settings().changed(debugg=True)
