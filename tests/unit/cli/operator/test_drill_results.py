# SPDX-License-Identifier: Apache-2.0
"""``karbor-manila drill results``: what is kept of drills, and what somebody changed of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from karbor_manila.bank import drill_results
from karbor_manila.common import sealing
from tests.unit.cli.operator.acts import Ran
from tests.unit.karbor_stage import OUR_PROJECT, OURS, SHARE, Service, provider_file
from tests.unit.keys import key_file

DRILL = {SHARE: {"depth": "drill"}}
Run = Callable[..., Ran]
Place = drill_results.Place


def configure(service: Service, *options: str) -> None:
    """Change the provider's file, as an operator does."""
    provider_file(service.folder, service.provider.id, (OURS, OUR_PROJECT), options=options)


def kept(service: Service) -> tuple[Place, dict[str, Any]]:
    """The one result in the bank."""
    (place,) = drill_results.places(service.provider.bank, service.provider.id)
    return place, drill_results.get(service.provider.bank, place)


def public(folder: Path, signer: sealing.Signer) -> str:
    """The public half of a key, as a file."""
    path = folder / f"{signer.id}.pub"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    key = signer.key.public_key()
    path.write_bytes(key.public_bytes(serialization.Encoding.PEM, form))
    return str(path)


@pytest.fixture
def signer(tmp_path: Path) -> sealing.Signer:
    return sealing.signer(key_file(tmp_path))


@pytest.fixture
def drilled(service: Service, signer: sealing.Signer) -> str:
    """A share of which a drill is kept, signed. Returns its id."""
    share = service.share()
    checkpoint = service.protect(service.plan(share))
    service.verify(checkpoint.id, DRILL)
    place, sealed = kept(service)
    drill_results.put(service.provider.bank, place, sealing.seal(sealed["text"], signer))
    return share


def listed(run: Run, *argv: str) -> tuple[int, list[dict[str, Any]]]:
    ran = run("drill", "results", "-f", "json", *argv)
    return ran.code, ran.rows


def test_a_result_is_shown_with_the_word_on_its_signature(
    service: Service, run: Run, drilled: str, signer: sealing.Signer, tmp_path: Path
) -> None:
    code, (row,) = listed(run, "--public-key", public(tmp_path, signer))
    assert code == 0
    assert (row["Share"], row["Result"], row["Signature"]) == (drilled, "good", "good")
    assert row["By"]["host"]
    assert row["Check"] == "none is configured"


def test_the_providers_own_key_is_trusted(
    service: Service, run: Run, drilled: str, tmp_path: Path
) -> None:
    configure(service, f"drill_signing_key = {tmp_path / 'key.pem'}")
    code, (row,) = listed(run, "--require-signed")
    assert (code, row["Signature"]) == (0, "good")


def test_a_key_that_nobody_knows_is_said_and_well_unless_more_is_asked(
    service: Service, run: Run, drilled: str
) -> None:
    assert listed(run)[0] == 0
    code, (row,) = listed(run, "--require-signed")
    assert (code, row["Signature"]) == (3, "unknown key")


def test_a_result_without_a_signature_is_said_to_have_none(
    service: Service, run: Run, drilled: str
) -> None:
    place, sealed = kept(service)
    drill_results.put(service.provider.bank, place, {"text": sealed["text"]})
    assert listed(run)[1][0]["Signature"] == "unsigned"
    assert listed(run, "--require-signed")[0] == 3


@pytest.mark.parametrize("what", ["text", "signature", "share", "damage", "depth"])
def test_what_somebody_changed_is_found(
    service: Service,
    run: Run,
    drilled: str,
    signer: sealing.Signer,
    tmp_path: Path,
    what: str,
) -> None:
    bank = service.provider.bank
    place, sealed = kept(service)
    word = "bad"
    if what == "text":
        text = json.dumps(json.loads(sealed["text"]) | {"result": "bad"})
        drill_results.put(bank, place, sealed | {"text": text})
    elif what == "signature":
        drill_results.put(bank, place, sealed | {"signature": sealed["signature"][::-1]})
    elif what == "share":
        bank.delete_object(place.key)
        moved = Place(**vars(place) | {"share_id": service.share()})
        drill_results.put(bank, moved, sealed)
        word = "of another place"
    else:
        bank.update_object(place.key, "{" if what == "damage" else {"text": "[" * 100_000})
        word = "damaged"
    code, (row,) = listed(run, "--public-key", public(tmp_path, signer))
    assert (code, row["Signature"], row["Result"]) == (3, word, "")


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "1e999", "-4.2", "1e300", "true", '"4"'])
def test_what_is_no_length_of_time_is_damaged(
    service: Service, run: Run, drilled: str, signer: sealing.Signer, seconds: str
) -> None:
    place, sealed = kept(service)
    told = json.loads(sealed["text"])
    took = json.dumps(told["found"]["seconds"])
    text = sealed["text"].replace(f'"seconds": {took}', f'"seconds": {seconds}')
    assert text != sealed["text"]
    drill_results.put(service.provider.bank, place, sealing.seal(text, signer))
    code, (row,) = listed(run)
    assert (code, row["Share"], row["Signature"]) == (3, drilled, "damaged")
    assert (row["Result"], row["Seconds"]) == ("", None)


def test_only_what_is_asked_for_is_listed(service: Service, run: Run, drilled: str) -> None:
    assert listed(run, "--share", service.share())[1] == []
    assert listed(run, "--project", "another")[1] == []
    code, (row,) = listed(run, "--share", drilled, "--long")
    assert code == 0
    assert json.loads(row["Text"])["share_id"] == drilled


def test_a_key_that_cannot_be_read_is_wrong_usage(service: Service, run: Run) -> None:
    ran = run("drill", "results", "--public-key", "/no/such.pub")
    assert (ran.code, ran.out, len(ran.lines)) == (2, "", 1)
    assert "/no/such.pub" in ran.err


def test_results_go_into_a_file_that_is_there_whole_or_not_at_all(
    service: Service, run: Run, drilled: str, tmp_path: Path
) -> None:
    file = tmp_path / "drills.json"
    ran = run("drill", "results", "-f", "json", "--output", str(file))
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    before = file.read_text()
    assert [row["Share"] for row in json.loads(before)] == [drilled]
    configure(service, "drill_signing_key=/no/such.pem")
    assert run("drill", "results", "-f", "json", "--output", str(file)).code == 1
    assert file.read_text() == before
