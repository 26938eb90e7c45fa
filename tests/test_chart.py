"""The Helm chart: rendered by Helm itself, checked against Kubernetes' own schemas and against our settings."""

import re
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import kubernetes_validate.utils
import pytest
import yaml

from enschedule_dashboard import main as dashboard_main
from enschedule_dashboard.main import read_plan
from enschedule_worker import main as worker_main
from enschedule_worker import server
from enschedule_worker.settings import read_settings

# Where there is no wheel of it; CI has one, and fails over a skip.
helm = pytest.importorskip("helm_python")

ROOT = Path(__file__).parent.parent
CHART = ROOT / "charts" / "enschedule"
PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
URL = "postgres://ada:secret@db.example.org:5432/jobs"
OWN = {"postgresql": {"enabled": False}, "database": {"url": URL}}
EVERYTHING = {
    **OWN,
    "fullnameOverride": "jobs",
    "image": {"repository": "apps/enschedule", "tag": "1.2", "pullSecrets": [{"name": "pull"}]},
    "apiKey": "f3a1c0",
    "worker": {
        "replicas": 3,
        "graceSeconds": 300,
        "handlers": {"hello.py": "print('1: {{ x }}')\n", "b.py": "import os\n"},
        "importHandlers": "enschedule-log-handler",
        "env": [{"name": "ENSCHEDULE_TIMEZONE", "value": "Europe/Stockholm"}],
        "envFrom": [{"secretRef": {"name": "more"}}],
        "resources": {"requests": {"memory": "256Mi"}},
        "podAnnotations": {"a": "b"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
    },
    "dashboard": {"replicas": 2, "podAnnotations": {"a": "b"}, "nodeSelector": {"disk": "ssd"}},
    "ingress": {
        "enabled": True,
        "host": "jobs.example.org",
        "className": "nginx",
        "tlsSecret": "jobs-tls",
        "annotations": {"a": "b"},
    },
}
SECRETS = {
    "existingSecret": "keys",
    "postgresql": {"enabled": False},
    "database": {"kind": "mariadb", "existingSecret": "mariadb"},
    "migration": {"enabled": False},
    "dashboard": {"enabled": False},
}
VARIANTS = {"defaults": {}, "own database": OWN, "everything": EVERYTHING, "existing secrets": SECRETS}


@cache
def render(variant):
    """The objects of a variant by kind and name, as (kind, rest of the name)."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(VARIANTS[variant], name="demo", namespace="prod")
    found = [
        each for name, text in files.items() if name.endswith(".yaml") for each in yaml.safe_load_all(text) if each
    ]
    return {(one["kind"], re.sub(r"^(demo-enschedule|jobs)-?", "", one["metadata"]["name"])): one for one in found}


def pods(variant):
    """The pod templates, by the name of what makes them."""
    return {
        name: one["spec"]["template"] for (_, name), one in render(variant).items() if "template" in one.get("spec", ())
    }


def our_pods(variant):
    return {name: pod["spec"] for name, pod in pods(variant).items() if name != "postgresql"}


def environment_of(pod, folder):
    """The variables of a pod, with files that are there for those it mounts."""
    values = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    for name in (name for name in values if name.endswith("_FILE")):
        path = folder / Path(values[name]).name
        url = URL.replace("postgres:", f"{name.removesuffix('_FILE').lower()}:")
        path.write_text(url if path.name == "url" else "0123456789abcdef", encoding="utf-8")
        values[name] = str(path)
    return values


every_variant = pytest.mark.parametrize("variant", VARIANTS)


# --- What Helm and Kubernetes say ---


@every_variant
def test_helm_lint_finds_nothing(variant):
    report = helm.lint(CHART, VARIANTS[variant], strict=True)

    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize(
    "version", [kubernetes_validate.utils.all_versions()[0], kubernetes_validate.utils.latest_version()]
)
@every_variant
def test_kubernetes_takes_every_object(variant, version):
    assert render(variant)
    for one in render(variant).values():
        kubernetes_validate.utils.validate(one, version, strict=True)


def test_the_oldest_kubernetes_that_is_tested_is_the_oldest_that_is_let_in():
    with helm.Chart.load(CHART) as chart:
        oldest = ".".join(kubernetes_validate.utils.all_versions()[0].split(".")[:2])
        assert chart.metadata["kubeVersion"] == f">={oldest}.0-0"
        assert f"Kubernetes {oldest}" in PAGE


def test_the_chart_carries_the_version_of_everything():
    project = tomllib.loads((ROOT / "packages/enschedule/pyproject.toml").read_text(encoding="utf-8"))["project"]
    with helm.Chart.load(CHART) as chart:
        assert chart.version == project["version"]
        assert chart.metadata["appVersion"] == project["version"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"database": {"url": URL}}, "postgresql.enabled=false"),
        ({"postgresql": {"enabled": False}}, "database.url: is missing. For example"),
        ({**OWN, "database": {"url": URL, "existingSecret": "x"}}, "leave one out"),
        ({"apiKey": "a", "existingSecret": "b"}, "apiKey: existingSecret has the key already"),
        ({"ingress": {"enabled": True}}, "ingress.host: is missing. For example"),
        (
            {"ingress": {"enabled": True, "host": "a.example"}, "dashboard": {"enabled": False}},
            "dashboard.enabled=true",
        ),
        ({"worker": {"replicas": 0}}, "/worker/replicas"),
        ({"worker": {"handlers": {"hello.txt": ""}}}, "hello.txt"),
        ({"worker": {"replica": 2}}, "'replica' not allowed"),
        ({"database": {"kind": "oracle"}}, "/database/kind"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_the_reason(values, says):
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmError) as refused:
        chart.render(values, name="demo")

    assert says in str(refused.value)


# --- Pods ---


@every_variant
def test_a_pod_has_no_service_links_no_token_and_no_rights(variant):
    for pod in pods(variant).values():
        spec = pod["spec"]
        assert spec["enableServiceLinks"] is False
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@every_variant
def test_a_pod_of_ours_is_the_image_as_it_is_made(variant):
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    image = VARIANTS[variant].get("image", {"repository": "enschedule", "tag": "0.1.0"})
    for spec in our_pods(variant).values():
        container = spec["containers"][0]
        user = spec["securityContext"]
        assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in dockerfile
        assert container["image"] == f"{image['repository']}:{image['tag']}"
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
        assert {"/tmp"} <= writable <= {"/tmp", "/enschedule/data"}


@every_variant
def test_a_worker_is_told_what_it_needs(variant, tmp_path):
    worker = our_pods(variant)["worker"]
    settings = read_settings(environment_of(worker, tmp_path))

    assert worker["containers"][0]["args"] == ["worker"]
    assert settings.warnings == ()
    assert settings.api_endpoint
    assert settings.api_key == "0123456789abcdef"
    kind = VARIANTS[variant].get("database", {}).get("kind", "postgres")
    assert f"{kind.upper()}_FILE" in {one["name"] for one in worker["containers"][0]["env"]}


def test_settings_of_the_user_reach_the_worker(tmp_path):
    settings = read_settings(environment_of(our_pods("everything")["worker"], tmp_path))

    assert settings.default_timezone == "Europe/Stockholm"
    assert settings.import_handlers == "enschedule-log-handler"
    assert settings.grace_seconds == 300


def test_handlers_of_the_values_are_files_of_the_worker():
    values = VARIANTS["everything"]["worker"]["handlers"]
    worker = pods("everything")["worker"]
    mounts = {one["name"]: one["mountPath"] for one in worker["spec"]["containers"][0]["volumeMounts"]}

    assert render("everything")["ConfigMap", "worker-handlers"]["data"] == values
    assert mounts["handlers"] == "/enschedule/jobs"
    before = pods("own database")["worker"]["metadata"]["annotations"]["checksum/handlers"]
    assert worker["metadata"]["annotations"]["checksum/handlers"] != before


@pytest.mark.parametrize("variant", ["defaults", "own database", "everything"])
def test_a_dashboard_is_before_the_workers(variant, tmp_path, capsys):
    plan = read_plan(environment_of(our_pods(variant)["dashboard"], tmp_path))
    host = re.fullmatch(rf"http://(\S+):{worker_main.PORT}", plan.worker_url)[1]

    assert any(kind == "Service" and one["metadata"]["name"] == host for (kind, _), one in render(variant).items())
    assert plan.secret_key == plan.worker.api_key == "0123456789abcdef"
    assert plan.worker.warnings == ()
    assert capsys.readouterr().err == ""


def test_behind_an_ingress_the_dashboard_believes_that_one(tmp_path):
    plan = read_plan(environment_of(our_pods("everything")["dashboard"], tmp_path))
    (rule,) = render("everything")["Ingress", "dashboard"]["spec"]["rules"]

    assert plan.trusted_proxies == 1
    assert plan.worker.trusted_hosts == (rule["host"], "127.0.0.1", "localhost")


@every_variant
def test_a_probe_asks_a_port_and_a_path_that_are_there(variant):
    ports = {"worker": worker_main.PORT, "dashboard": dashboard_main.PORT}
    paths = {"worker": {"/api/v1/healthz", "/api/v1/readyz"}, "dashboard": {"/healthz"}}
    for name in ports.keys() & our_pods(variant).keys():
        (container,) = our_pods(variant)[name]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": ports[name]}]
        probes = [container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
        assert {probe["port"] for probe in probes} == {"http"}
        assert {probe["path"] for probe in probes} == paths[name]


@every_variant
def test_a_worker_has_longer_to_stop_than_its_grace(variant, tmp_path):
    worker = our_pods(variant)["worker"]
    grace = read_settings(environment_of(worker, tmp_path)).grace_seconds

    assert worker["terminationGracePeriodSeconds"] > grace + server._EXTRA_STOP_SECONDS


# --- How the objects hang together ---


@every_variant
def test_a_service_finds_pods_and_their_port(variant):
    templates = pods(variant).values()
    for (kind, name), one in render(variant).items():
        if kind == "Service":
            selector = one["spec"]["selector"].items()
            (found,) = [pod for pod in templates if selector <= pod["metadata"]["labels"].items()]
            named = {port["name"] for container in found["spec"]["containers"] for port in container["ports"]}
            assert {port["targetPort"] for port in one["spec"]["ports"]} <= named, name


def test_every_pod_may_be_pulled_with_the_secrets_of_the_values():
    with helm.Chart.load(CHART) as chart:
        files = chart.render({"image": {"pullSecrets": [{"name": "pull"}]}}, name="demo")
    objects = [one for name, text in files.items() if name.endswith(".yaml") for one in yaml.safe_load_all(text) if one]
    specs = [one["spec"]["template"]["spec"] for one in objects if "template" in one.get("spec", ())]

    assert [spec["imagePullSecrets"] for spec in specs] == [[{"name": "pull"}]] * 4


@every_variant
def test_what_a_pod_mounts_is_made_by_the_chart_or_exists(variant):
    objects = render(variant)
    made = {
        (kind, one["metadata"]["name"], key) for (kind, _), one in objects.items() for key in one.get("stringData", ())
    }
    theirs = {("Secret", "keys", "api_key"), ("Secret", "keys", "secret_key"), ("Secret", "mariadb", "url")}
    known = made | (theirs if variant == "existing secrets" else set())
    volumes = chain(*(pod["spec"]["volumes"] for pod in pods(variant).values()))
    used = {
        ("Secret", one["secret"]["secretName"], item["key"])
        for one in volumes
        if "secret" in one
        for item in one["secret"]["items"]
    }

    assert used
    assert used - known == set()


@every_variant
def test_the_key_is_in_a_secret_only(variant):
    others = [one for (kind, _), one in render(variant).items() if kind != "Secret"]

    assert "f3a1c0" not in yaml.safe_dump_all(others)
    assert "ada:secret" not in yaml.safe_dump_all(others)


def test_keys_that_are_made_are_long_and_differ():
    secret = render("defaults")["Secret", ""]["stringData"]
    database = render("defaults")["Secret", "postgresql"]["stringData"]

    assert {len(one) for one in (*secret.values(), database["password"])} == {40}
    assert len({*secret.values(), database["password"]}) == 3
    assert database["url"] == f"postgres://enschedule:{database['password']}@demo-enschedule-postgresql:5432/enschedule"


# --- The migration ---


def migrates(variant):
    worker = {one["name"]: one.get("value") for one in our_pods(variant)["worker"]["containers"][0]["env"]}
    return worker["ENSCHEDULE_MIGRATE"]


@pytest.mark.parametrize("variant", ["own database", "everything"])
def test_a_database_of_ones_own_is_migrated_before_the_workers_start(variant):
    job = render(variant)["Job", "migration"]
    secret = render(variant)["Secret", "migration"]["metadata"]["annotations"]

    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == secret["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(secret["helm.sh/hook-weight"]) < int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
    assert migrates(variant) == "check"


def test_with_a_postgresql_of_its_own_the_first_worker_makes_the_tables():
    job = render("defaults")["Job", "migration"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    assert migrates("defaults") == "auto"
    (waits,) = our_pods("defaults")["worker"]["initContainers"]
    assert "--host=demo-enschedule-postgresql;" in waits["command"][-1]


def test_without_the_job_the_workers_migrate():
    assert ("Job", "migration") not in render("existing secrets")
    assert migrates("existing secrets") == "auto"


# --- The page ---


def leaves(values, path=""):
    for key, value in values.items():
        here = f"{path}{key}"
        yield from leaves(value, f"{here}.") if isinstance(value, dict) and value else [here]


def test_every_value_is_documented_and_the_other_way_round():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    table = PAGE.partition("## Values")[2]
    rows = re.findall(r"^\| ((?:`[\w.]+`(?:, )?)+) \|", table, re.MULTILINE)

    assert {name for row in rows for name in re.findall(r"`([\w.]+)`", row)} == set(leaves(values))


def test_what_the_page_sets_can_be_set():
    set_by = [
        line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in re.findall(r"--set (\S+)", block)
    ]
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    assert set_by
    assert blocks
    with helm.Chart.load(CHART) as chart:
        for text in blocks:
            assert chart.render(yaml.safe_load(text), name="demo")
        for expression in set_by:
            chart.validate_schema(helm.parse_set_string(expression.strip("'")))
