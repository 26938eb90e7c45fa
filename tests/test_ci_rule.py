"""In CI a skipped test is a failed test."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take seconds to load
    source = CONFTEST.read_text(encoding="utf-8").replace('pytest_plugins = ["pytester"]', "")
    pytester.makeconftest(source)
    pytester.makepyfile(
        test_runs="def test_passes(): pass",
        test_skips="""
            import pytest

            def test_skips():
                pytest.skip("no server here")

            @pytest.mark.xfail(reason="known")
            def test_expected_failure():
                assert False
        """,
        test_module="""
            import pytest

            pytest.skip("module needs a server", allow_module_level=True)
        """,
    )
    return pytester


def test_outside_of_ci_a_skip_stays_a_skip(project, monkeypatch):
    monkeypatch.delenv("CI", raising=False)

    result = project.runpytest_subprocess()

    result.assert_outcomes(passed=1, skipped=2, xfailed=1)


def test_in_ci_a_skipped_test_fails_with_its_reason(project, monkeypatch):
    monkeypatch.setenv("CI", "true")

    result = project.runpytest_subprocess("test_runs.py", "test_skips.py")

    result.assert_outcomes(passed=1, failed=1, xfailed=1)
    result.stdout.fnmatch_lines(["*test_skips was skipped, and CI runs everything. *no server here*"])


def test_in_ci_a_skipped_module_fails_with_its_reason(project, monkeypatch):
    monkeypatch.setenv("CI", "true")

    result = project.runpytest_subprocess("test_module.py")

    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*was skipped, and CI runs everything. *module needs a server*"])
