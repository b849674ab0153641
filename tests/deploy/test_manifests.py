"""What deploy/ hands to systemd, Docker and Kubernetes: well formed, and in agreement with the settings, paths and times of Jacie."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from jacie_flask import create_app
from jacie_flask.config import Settings
from tests.support.jacie import ROOT
from tests.support.proxies import DEPLOY

UNIT = (DEPLOY / "systemd" / "jacie.service").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
KUBERNETES = [
    (path.name, one) for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())
]
SETTINGS = {str(field.alias): name for name, field in Settings.model_fields.items()}
# Read by Python, gunicorn's shell or the SDKs, not by Jacie.
STANDARD = {
    "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION",
}  # fmt: skip
GRACEFUL_S = int(re.search(r"^graceful_timeout = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.MULTILINE)[1])
UV = Path(sys.executable).parent / "uv"


def pods() -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the pod template's spec of everything that makes pods."""
    found = []
    for _, one in KUBERNETES:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            found.append((one["metadata"]["name"], template["spec"]))
    return found


def environments() -> dict[str, dict[str, str]]:
    """Return every environment that deploy/ sets for Jacie, by where it stands."""
    found = {"systemd": dict(line.split("=", 1) for line in re.findall(r"^Environment=(.+)$", UNIT, re.MULTILINE))}
    body = re.search(r"^ENV (.+?[^\\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    found["Dockerfile"] = dict(pair.split("=", 1) for pair in shlex.split(body.replace("\\\n", " ")))
    found |= {f"compose {name}": COMPOSE["services"][name]["environment"] for name in ("one", "two")}
    for name, one in KUBERNETES:
        if one["kind"] == "ConfigMap" or (one["kind"] == "Secret" and one["metadata"]["name"] == "jacie"):
            found[f"{name} {one['kind']}"] = one.get("data") or one["stringData"]
    for name, spec in pods():
        found[name] = {item["name"]: item["value"] for box in spec["containers"] for item in box.get("env", [])}
    return found


def test_every_variable_is_a_setting():
    """No manifest sets a name that Jacie would refuse or nobody reads, or one that belongs to its own processes."""
    internal = {"JACIE_BACKGROUND", "JACIE_EMBEDDED_MODEL_URL", "JACIE_EMBEDDED_MODEL_KEY"}
    for place, values in environments().items():
        assert set(values) <= (set(SETTINGS) - internal) | STANDARD, place


@pytest.mark.parametrize("place", sorted(environments()))
def test_every_value_is_allowed(place, tmp_path):
    """The settings take the values as they stand, apart from folders of the target machine and keys, which are put in here."""
    given = {"OPENAI_API_KEY": "x", "PINECONE_API_KEY": "x", "JACIE_DOCUMENTS": "s3://bucket"}
    values = {**environments()[place], **given}
    values = {name: value for name, value in values.items() if name in SETTINGS and not str(value).startswith("${")}
    assert Settings(**values)


def test_a_rolling_update_waits_for_the_drain():
    """systemd, compose and Kubernetes kill later than gunicorn's graceful timeout, and Kubernetes counts its preStop in."""
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[1]) > GRACEFUL_S
    assert re.search(r"^KillMode=mixed$", UNIT, re.MULTILINE)
    assert all(int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) > GRACEFUL_S for name in ("one", "two"))
    spec = dict(pods())["jacie"]
    command, seconds = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert int(seconds) + GRACEFUL_S < spec["terminationGracePeriodSeconds"]
    readiness = spec["containers"][0]["readinessProbe"]
    assert readiness["httpGet"]["path"] == "/health"


def test_probes_and_ports_exist(tmp_path):
    """Every probed path is a route of the application, and ports agree from the image to the ingress."""
    app = create_app(Settings(data=tmp_path, index=f"sqlite:{tmp_path}/index.db", model="scripted", ingest="off"))
    routes = {rule.rule for rule in app.url_map.iter_rules()}
    box = dict(pods())["jacie"]["containers"][0]
    asked = {box[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    haproxy = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    asked |= set(re.findall(r"http-check send meth GET uri (\S+)", haproxy))
    asked.add(re.search(r"HEALTHCHECK.*?'PORT'\]\}(/\w+)", DOCKERFILE, re.DOTALL)[1])
    assert asked == {"/health", "/ready"}
    assert asked <= routes
    port = environments()["Dockerfile"]["PORT"]
    assert f"EXPOSE {port}" in DOCKERFILE
    assert [str(one["containerPort"]) for one in box["ports"]] == [port] == [environments()["jacie"]["PORT"]]
    assert environments()["systemd"]["PORT"] == port
    named = {one["name"] for one in box["ports"]}
    service = next(one for _, one in KUBERNETES if one["kind"] == "Service" and one["metadata"]["name"] == "jacie")
    assert {one["targetPort"] for one in service["spec"]["ports"]} <= named
    assert f"one:{port}" in COMPOSE["services"]["nginx"]["command"][-1]


# ---------------------------------------------------------------------------------------------------------- Kubernetes


@pytest.mark.parametrize(("name", "one"), KUBERNETES, ids=lambda value: value if isinstance(value, str) else value["kind"])
def test_kubernetes_own_schemas_take_the_manifests(name, one):
    """Each object is valid for the oldest release that the manifests are written for, unknown fields refused."""
    kubernetes_validate.validate(one, "1.27", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**one, "metdata": {}}, "1.27", strict=True)


@pytest.mark.parametrize(("name", "spec"), pods(), ids=lambda value: value if isinstance(value, str) else "")
def test_pods_keep_to_the_restricted_standard(name, spec):
    """Nothing runs as root, gains rights, writes its own image or has no limit of memory (Pod Security Standards: restricted)."""
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    volumes = {one["name"] for one in spec["volumes"]}
    for box in spec["containers"]:
        context = box["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in box["resources"]["limits"]
        assert {one["name"] for one in box["volumeMounts"]} <= volumes
        assert not box["image"].endswith(":latest")
        assert ":" in box["image"]


def test_objects_name_each_other():
    """Every ConfigMap, Secret, claim, service and target that is referred to is one of the manifests'."""
    there = {(one["kind"], one["metadata"]["name"]) for _, one in KUBERNETES}
    wanted = set()
    for _, spec in pods():
        for source in (one for box in spec["containers"] for one in box.get("envFrom", [])):
            wanted |= {("ConfigMap" if kind == "configMapRef" else "Secret", value["name"]) for kind, value in source.items()}
        wanted |= {("Secret", volume["secret"]["secretName"]) for volume in spec["volumes"] if "secret" in volume}
        wanted |= {
            ("PersistentVolumeClaim", v["persistentVolumeClaim"]["claimName"])
            for v in spec["volumes"]
            if "persistentVolumeClaim" in v
        }
    for _, one in KUBERNETES:
        if one["kind"] == "HorizontalPodAutoscaler":
            wanted.add((one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"]))
        if one["kind"] == "Ingress":
            wanted |= {
                ("Service", path["backend"]["service"]["name"]) for rule in one["spec"]["rules"] for path in rule["http"]["paths"]
            }
    redis = re.search(r"redis://([\w-]+):", environments()["jacie.yaml ConfigMap"]["JACIE_RUNS"])[1]
    assert wanted | {("Service", redis)} <= there


def test_no_way_to_run_it_is_open_to_everybody():
    """Where other machines reach it, keys have a place that all servers share; nothing says JACIE_OPEN."""
    text = "".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    assert "JACIE_OPEN" not in text
    image, config = environments()["Dockerfile"], environments()["jacie.yaml ConfigMap"]
    box = dict(pods())["jacie"]["containers"][0]
    assert Path(config["JACIE_KEYS"]).parent.as_posix() in [one["mountPath"] for one in box["volumeMounts"]]
    for name in ("one", "two"):
        mounts = {one.split(":")[1] for one in COMPOSE["services"][name]["volumes"]}
        assert Path(image["JACIE_KEYS"]).parent.as_posix() in mounts
        assert COMPOSE["services"][name]["environment"]["JACIE_SECRET_KEY"].startswith("${JACIE_SECRET_KEY:?")
    assert environments()["systemd"]["HOST"] == "127.0.0.1"


def test_the_ingress_streams_for_as_long_as_an_answer_may_take():
    """Buffering is off, the read timeout is above the deadline, and bodies have Jacie's limit."""
    ingress = next(one for _, one in KUBERNETES if one["kind"] == "Ingress")
    said = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
    settings = Settings()
    assert (said["proxy-buffering"], said["proxy-http-version"]) == ("off", "1.1")
    assert int(said["proxy-read-timeout"]) > settings.deadline_s
    assert said["proxy-body-size"] == f"{settings.max_body // 2**20}m"


def test_every_redis_keeps_what_it_was_told():
    """Both Redis servers refuse writes when they are full rather than forget a running answer."""
    commands = [COMPOSE["services"]["redis"]["command"], dict(pods())["jacie-redis"]["containers"][0]["args"]]
    for command in commands:
        assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


# -------------------------------------------------------------------------------------------------- image and service


def test_the_image_is_linted():
    """hadolint finds nothing, and the base has a tag."""
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert all(":" in base and not base.endswith(":latest") for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))


def test_the_image_holds_what_is_copied_and_nothing_else():
    """Each file that is copied exists and passes .dockerignore; the image ends as a user without rights, under an init process."""
    copied = [part for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.MULTILINE) for part in line.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(set(copied)) == sorted(allowed)
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    assert 'ENTRYPOINT ["tini", "--"]' in DOCKERFILE
    assert 'CMD ["gunicorn", "wsgi:app"]' in DOCKERFILE


def test_the_image_installs_what_make_installs():
    """The installing lines of the Dockerfile read the locks of the Makefile, hashes demanded."""
    installing = re.findall(r"pip install (.+?)(?: \\|;)", DOCKERFILE)
    assert all("--require-hashes" in line for line in installing)
    locks = re.compile(r"-r (requirements\S*\.lock)")
    made = {lock for lock in locks.findall((ROOT / "Makefile").read_text()) if "-dev" not in lock}
    assert {lock for line in installing for lock in locks.findall(line)} == made


@pytest.mark.soak
def test_the_images_steps_make_a_jacie_that_answers(tmp_path):
    """The Dockerfile's installing steps, run in a folder with the copied files alone, give a Jacie that its health check accepts."""
    from tests.support.jacie import serve

    home = tmp_path / "opt"
    home.mkdir()
    for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.MULTILINE):
        for name in line.split()[:-1]:
            whole = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            whole(ROOT / name, home / name)
    steps = re.search(r"^RUN (python -m venv.+?compileall.+?)$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    steps = steps.replace("/opt/uv", str(tmp_path / "uv")).replace("python -m venv", f"{sys.executable} -m venv")
    subprocess.run(["sh", "-ec", steps], cwd=home, env={**os.environ, "MODELS": "yes"}, check=True, timeout=270)
    command = ["sh", "-c", f"cd {home} && exec .venv/bin/gunicorn wsgi:app"]
    with serve(
        command, tmp_path / "data", PYTHONPATH=str(home), JACIE_INGEST="off", JACIE_DOCUMENTS=str(home / "sample_documents")
    ) as running:
        health = re.search(r'CMD (\["python", "-c".+\])$', DOCKERFILE, re.MULTILINE)[1]
        _, flag, source = yaml.safe_load(health)
        port = running.url.rpartition(":")[2]
        subprocess.run([str(home / ".venv/bin/python"), flag, source], env={"PORT": port}, check=True, timeout=60)


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="NOT TESTED: the systemd unit (systemd-analyze is not installed)"
)
def test_systemd_takes_the_unit(tmp_path):
    """systemd finds nothing wrong with the unit where its program exists, and rates its exposure as low (2.0 of 10 at most)."""
    program = tmp_path / "gunicorn"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "jacie.service"
    unit.write_text(UNIT.replace("/opt/jacie/.venv/bin/gunicorn", str(program)))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert "jacie.service" not in verified.stderr, verified.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, check=False
    )
    found = re.search(r"Overall exposure level for jacie.service: ([\d.]+)", rated.stdout)
    assert found, rated.stderr
    assert float(found[1]) <= 2.0


def test_the_unit_leaves_children_what_they_need():
    """Nothing in the unit forbids what extraction children and a local model do: their filter, their limits, their memory."""
    values = dict(re.findall(r"^([A-Za-z]+)=(.*)$", UNIT, re.MULTILINE))
    assert "MemoryDenyWriteExecute" not in values
    assert "@system-service" in UNIT
    assert int(values["LimitNOFILE"]) >= 4 * Settings().max_runs
    assert values["StateDirectory"] in environments()["systemd"]["JACIE_DATA"]
    assert values["Restart"] == "on-failure"
