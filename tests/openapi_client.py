"""What a client does that openapi-python-client generates from the description: see tests/openapi. The argument is the gateway's URL. The module
`models` is what datamodel-code-generator generates."""

import sys
from time import monotonic

import models
from carlo_client import Client
from carlo_client.api.accounts import get_usage
from carlo_client.api.batches import cancel_batch, create_batch, get_batch, get_batch_jobs
from carlo_client.api.jobs import get_job, list_jobs, simulate, submit_job
from carlo_client.api.simulations import get_simulation_result
from carlo_client.models import BatchStatus, CancelBatch, CreateBatch, JobStatus, Problem, SimulationRequest, SimulationStatus, Tier

SECONDS = 60


def request(simulations: int) -> dict:
    return {
        "financialProfile": {"liquidAssets": 13_500, "monthlySpending": 3_200},
        "userInputs": {"monthlyIncome": 5_000},
        "goal": {"targetAmount": 70_000, "timelineMonths": 36, "goalText": "A deposit on a house \U0001f3e0"},
        "simulationParams": {"nSimulations": simulations, "seed": "42"},
    }


def until(get, has_ended):
    """Waits as the description says: by `Prefer: wait`."""
    deadline = monotonic() + SECONDS
    while not has_ended(found := get()):
        assert monotonic() < deadline, found
    return found


def jobs(client: Client) -> str:
    submitted = submit_job.sync(client=client, body=SimulationRequest.from_dict(request(20_000)))
    assert submitted.status is JobStatus.QUEUED, submitted
    get = lambda: get_job.sync(submitted.job_id, client=client, prefer="wait=30")
    job = until(get, lambda job: job.status not in (JobStatus.QUEUED, JobStatus.RUNNING))
    assert job.status is JobStatus.COMPLETE and job.results.simulations_run == 20_000, job
    assert job.results.assumptions.goal.goal_text.startswith("A deposit"), job
    result = get_simulation_result.sync(submitted.job_id, client=client)
    assert result.status is SimulationStatus.COMPLETED and result.results.digest == job.results.digest, result
    at_once = simulate.sync_detailed(client=client, body=SimulationRequest.from_dict(request(20_000)))
    assert at_once.headers["location"].startswith("/api/jobs/job_"), at_once.headers
    assert at_once.parsed.digest == job.results.digest, at_once
    refused = submit_job.sync(client=client, body=SimulationRequest.from_dict(request(0)))
    assert isinstance(refused, Problem) and refused.errors[0].pointer == "/simulationParams/nSimulations", refused
    assert submitted.job_id in [job.id for job in list_jobs.sync(client=client, page_size=100).jobs]
    assert get_usage.sync(client=client).tier is Tier.ENTERPRISE
    return submitted.job_id


def batches(client: Client):
    def created(simulations: int) -> str:
        body = {"simulations": [{**request(simulations), "custom_id": f"household-{i}"} for i in range(3)], "metadata": {"of": [1, "a"]}}
        return create_batch.sync(client=client, body=CreateBatch.from_dict(body)).batch_id

    ended = lambda batch: batch.status not in (BatchStatus.PENDING, BatchStatus.RUNNING)
    id = created(5_000)
    batch = until(lambda: get_batch.sync(id, client=client, prefer="wait=30"), ended)
    assert batch.status is BatchStatus.COMPLETED and batch.progress.completed_jobs == 3, batch
    assert batch.metadata.to_dict() == {"of": [1, "a"]}, batch
    listed = get_batch_jobs.sync(id, client=client)
    assert [job.custom_id for job in listed.jobs] == [f"household-{i}" for i in range(3)], listed

    id = created(1_000_000_000_000)
    batch = cancel_batch.sync(id, client=client, body=CancelBatch(reason="The plan has changed"))
    assert batch.status is BatchStatus.CANCELLED and batch.cancel_reason == "The plan has changed", batch
    # A body may be left out.
    id = created(1_000_000_000_000)
    assert cancel_batch.sync(id, client=client).status is BatchStatus.CANCELLED


def main(url: str):
    client = Client(base_url=url, timeout=SECONDS, raise_on_unexpected_status=True)
    id = jobs(client)
    batches(client)

    http = client.get_httpx_client()
    job = models.Job.model_validate_json(http.get(f"/api/jobs/{id}").content)
    assert job.results.simulations_run == 20_000, job
    assert models.Cluster.model_validate_json(http.get("/api/cluster/status").content).total_nodes == 1
    print("generated clients submitted, waited, read results, ran and cancelled batches, and were refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
