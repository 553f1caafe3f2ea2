"""The examples in deploy/examples. A program is skipped if its runtime is missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import carlo
import httpx
import nbclient
import nbformat
import pytest
from carlo import webhooks
from conftest import Cluster

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"
CLIENTS = EXAMPLES / "clients"
PROGRAMS = {
    "curl": [str(CLIENTS / "jobs.sh")],
    "node": ["node", str(CLIENTS / "jobs.mjs")],
    "grpc": [sys.executable, str(CLIENTS / "grpc_jobs.py")],
}


def ran(name: str, cluster: Cluster, request: Path, key: str | None = None) -> subprocess.CompletedProcess[str]:
    for needed in {"curl": ("curl", "jq"), "node": ("node",), "grpc": ()}[name]:
        if shutil.which(needed) is None:
            pytest.skip(f"there is no {needed} here")
    environment = {**os.environ, "CARLO_URL": cluster.url, "CARLO_COORDINATOR": cluster.coordinator_address, "CARLO_API_KEY": key or cluster.key}
    return subprocess.run([*PROGRAMS[name], str(request)], capture_output=True, text=True, env=environment, timeout=120)


def written(tmp_path: Path, plan: object) -> Path:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(plan))
    return request


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_client_gets_the_answer(name: str, cluster: Cluster, tmp_path: Path) -> None:
    plan = {**carlo.EXAMPLE, "simulationParams": {"nSimulations": 3_000_000, "seed": "8"}}
    done = ran(name, cluster, written(tmp_path, plan))
    assert done.returncode == 0, done.stderr
    results = carlo.run(plan)
    assert json.loads(done.stdout) == {"successProbability": results.success_probability, "digest": results.digest}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_client_names_every_fault(name: str, cluster: Cluster, tmp_path: Path) -> None:
    done = ran(name, cluster, written(tmp_path, {**carlo.EXAMPLE, "goal": {"targetAmount": -1}}))
    assert done.returncode == 1 and done.stdout == ""
    assert "/goal/targetAmount" in done.stderr and "/goal/timelineMonths" in done.stderr, done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_client_without_a_good_key_is_refused(name: str, cluster: Cluster, tmp_path: Path) -> None:
    done = ran(name, cluster, written(tmp_path, carlo.EXAMPLE), key="wrong")
    assert done.returncode == 1 and done.stdout == "" and "key" in done.stderr, done.stderr


def test_the_receiver_of_webhooks_prints_what_is_genuine(cluster: Cluster) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    environment = {**os.environ, "CARLO_WEBHOOK_SECRET": secret}
    command = [sys.executable, str(CLIENTS / "webhook.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as receiver, cluster.client() as client:
        try:
            assert receiver.stdout is not None
            url = receiver.stdout.readline().strip()
            body = b'{"type": "job.complete"}'
            signed = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time()))}
            for signature, status in (("v1,AAAA", 401), (webhooks.sign(secret, "msg_1", int(signed["webhook-timestamp"]), body), 204)):
                assert httpx.post(url, content=body, headers={**signed, "webhook-signature": signature}).status_code == status
            assert json.loads(receiver.stdout.readline()) == {"type": "job.complete"}
            job = client.submit(carlo.EXAMPLE, simulations=1_000, webhook={"url": url, "secret": secret})
            assert json.loads(receiver.stdout.readline())["data"]["jobId"] == job.job_id
        finally:
            receiver.terminate()


def test_the_notebook_runs_and_draws(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    data = [output.get("data", {}) for output in outputs]
    pictures = [found for found in data if "image/png" in found]
    pages = [found["text/html"] for found in data if "text/html" in found]
    assert len(pictures) == 3 and sum("<svg" in page for page in pages) >= 4
    assert any("is_right=True" in found.get("text/plain", "") for found in data)
    assert not [output for output in outputs if output.output_type == "error"]


def test_the_notebook_is_committed_without_outputs() -> None:
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(not cell.outputs and cell.execution_count is None for cell in code)


def test_the_commands_of_the_readme_run(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    # A billion simulations would take a minute.
    code = "\n".join(blocks).replace("10**9", "10**6").replace('"http://127.0.0.1:3001", key="…"', f"{cluster.url!r}, key={cluster.key!r}")
    exec(code, {})
    assert "/goal/timelineMonths" in capsys.readouterr().out
