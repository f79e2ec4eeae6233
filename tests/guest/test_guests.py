# SPDX-License-Identifier: Apache-2.0
"""The host suite on the kernels that people run: each booted once, all of it inside."""

import json
import xml.etree.ElementTree as ElementTree

import tables


def _cases(result):
    report = result.folder / "suite.xml"
    assert report.exists(), f"the suite did not end in the guest:\n{result.console[-3000:]}"
    return list(ElementTree.parse(report).iter("testcase"))


def _failure(case):
    """How a case failed, or None. An element without children is false, so `or` will not do."""
    found = [case.find(kind) for kind in ("failure", "error")]
    return next((one for one in found if one is not None), None)


def test_probes_find_what_the_table_says(kernel, result):
    """A probe that must succeed on this kernel, and does not, is a failure; so is one
    that succeeds where it must not."""
    report = result.folder / "doctor.json"
    assert report.exists(), result.console[-3000:]
    doctor = json.loads(report.read_text())
    usable = tuple(rung["engine"] for rung in doctor["engines"] if rung["usable"])
    assert usable == (*kernel.engines, "ptrace")
    assert doctor["auto"] == kernel.engines[0]
    found = {finding["name"]: finding for finding in doctor["findings"]}
    assert found["bpf_task_work"]["usable"] == kernel.task_work
    assert found["user_events"]["usable"] == kernel.build
    assert kernel.build or found["kernel"]["reason"].split()[1].startswith(kernel.series)


def test_host_suite(kernel, result, capsys):
    cases = _cases(result)
    failed = [case for case in cases if _failure(case) is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    booted = float((result.folder / "booted").read_text())
    with capsys.disabled():
        passed = len(cases) - len(failed) - len(skipped)
        print(f"\n{kernel}: {passed} passed, {len(skipped)} skipped, {len(failed)} failed;"
              f" booted in {booted:.0f} s, ended after {result.seconds:.0f} s")  # fmt: skip
        for case in skipped:
            print(f"  skipped {case.get('name')}: {case.find('skipped').get('message')}")
        print(tables.verifier(result.folder))
        print(tables.corpus(result.folder))
    said = [f"{case.get('name')}:\n{_failure(case).text[-1500:]}" for case in failed]
    assert not failed, "\n\n".join(said)
    assert len(cases) - len(skipped) > 25
