"""Clients of a live cluster with authentication."""

from __future__ import annotations

import asyncio
import copy
import json
import multiprocessing
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import carlo
import httpx
import pytest
from carlo import errors
from conftest import Cluster

LARGE = 10**12


def without_workers(results: carlo.JobResults) -> dict[str, Any]:
    """The results without the members that depend on where they were computed."""
    values = results.to_dict()
    del values["workersUsed"]
    return values


@pytest.mark.parametrize("fixture", ["example", "plan"])
def test_a_cluster_gives_the_objects_of_this_process(client: carlo.Client, fixture: str, plan: dict[str, Any]) -> None:
    request = plan if fixture == "plan" else carlo.EXAMPLE
    there = client.run(request, simulations=50_000, seed=5)
    here = carlo.run(request, simulations=50_000, seed=5)
    assert type(there) is type(here) and without_workers(there) == without_workers(here)
    assert there.sensitivity == here.sensitivity and there.sensitivity is not None
    assert carlo.verify(there)


def test_comparisons_solutions_and_replays_are_the_same(client: carlo.Client) -> None:
    later = copy.deepcopy(carlo.EXAMPLE)
    later["goal"]["timelineMonths"] = 48
    sampling = {"simulations": 30_000, "seed": 9}
    assert client.compare([carlo.EXAMPLE, later], **sampling) == carlo.compare([carlo.EXAMPLE, later], **sampling)
    assert client.solve(carlo.EXAMPLE, "maxTarget", 0.8, **sampling) == carlo.solve(carlo.EXAMPLE, "maxTarget", 0.8, **sampling)
    job = client.submit(carlo.EXAMPLE, **sampling)
    client.wait(job)
    assert client.replay(job, 123) == carlo.replay(carlo.EXAMPLE, 123, seed=9)


def test_samples_are_the_same(client: carlo.Client, plan: dict[str, Any]) -> None:
    for request in (carlo.EXAMPLE, plan):
        job = client.submit(request, simulations=20_000, seed=9)
        client.wait(job)
        here, there = carlo.samples(request, 100, 5_000, seed=9), client.samples(job, 100, 5_000)
        assert len(there) == 5_000 and there.first == 100
        for name in ("final_balance", "succeeded", "first_short_month", "horizon_months", "lowest_multiplier"):
            one, other = getattr(here, name), getattr(there, name)
            assert (one is None) == (other is None), name
            if one is not None:
                assert one.dtype == other.dtype and (one == other).all(), name
    with pytest.raises(errors.NotFound):
        client.samples(job, 20_000)

    async def asynchronous() -> carlo.Samples:
        async with carlo.AsyncClient(client.url, client._key) as other:
            return await other.samples(job, 0, 10)

    assert len(asyncio.run(asynchronous())) == 10


def test_a_sweep_is_the_same(client: carlo.Client) -> None:
    axes = {"/financialProfile/monthlySpending": range(3_000, 3_401, 100), "/goal/targetAmount": [60_000, 70_000]}
    told: list[tuple[int, int]] = []
    there = client.sweep(carlo.EXAMPLE, axes, simulations=50_000, seed=4, progress=lambda done, total: told.append((done, total)))
    here = carlo.sweep(carlo.EXAMPLE, axes, simulations=50_000, seed=4)
    assert (there.axes, there.points) == (here.axes, here.points)
    assert there.results.digest == here.results.digest
    assert told[-1] == (50_000, 50_000)
    with pytest.raises(carlo.InvalidRequest):
        client.sweep(carlo.EXAMPLE, {"/nowhere": [1]})


def test_faults_are_those_of_this_process(client: carlo.Client) -> None:
    wrong = {"goal": {"timelineMonths": 0, "targetAmount": float("inf")}, "simulationParams": {"seeds": 3}}
    with pytest.raises(carlo.InvalidRequest) as here:
        carlo.run(wrong)
    with pytest.raises(carlo.InvalidRequest) as there:
        client.submit(wrong)
    assert there.value.faults == here.value.faults and len(here.value.faults) >= 5
    with pytest.raises(carlo.InvalidRequest) as caught:
        client.submit_batch([carlo.EXAMPLE, wrong])
    assert all(fault.pointer.startswith("/simulations/1/") for fault in caught.value.faults)


def test_a_job_is_followed_to_its_end(client: carlo.Client) -> None:
    job = client.submit(carlo.EXAMPLE, simulations=2_000_000, seed=1)
    events = list(client.events(job))
    assert [event.kind for event in events[:-1]] == ["progress"] * (len(events) - 1)
    assert events[-1].kind == "complete" and events[-1].job.results is not None
    assert events[-1].job.results.sensitivity is not None
    assert list(client.events(job, last=events[-1].id)) == []
    told: list[tuple[int, int]] = []
    ended = client.wait(job, progress=lambda done, total: told.append((done, total)))
    assert ended.status == "complete" and told[-1] == (2_000_000, 2_000_000)
    assert client.wait(job).results == ended.results == client.job(job).results
    # The newest is first, and no job comes twice.
    ids = [found.id for found in client.jobs("complete")]
    assert job.job_id in ids and len(ids) == len(set(ids))


def test_fields_are_a_part_of_results(client: carlo.Client) -> None:
    job = client.submit(carlo.EXAMPLE, simulations=1_000, seed=1)
    client.wait(job)
    results = carlo.run(carlo.EXAMPLE, simulations=1_000, seed=1)
    assert client.results(job, ["mean", "std"]) == {"mean": results.mean, "std": results.std}


def test_a_cancelled_job_has_no_results(client: carlo.Client) -> None:
    job = client.submit(carlo.EXAMPLE, simulations=LARGE)
    with pytest.raises(errors.WaitTimeout):
        client.wait(job, timeout=0.3)
    with pytest.raises(errors.WaitTimeout):
        client.wait(job, timeout=0.3, progress=lambda done, total: None)
    client.cancel(job)
    with pytest.raises(errors.JobCancelled) as caught:
        client.wait(job)
    assert caught.value.job.id == job.job_id
    with pytest.raises(errors.Conflict):
        client.cancel(job)
    with pytest.raises(errors.NotFound):
        client.job("job_" + "0" * 32)


def test_an_interrupted_run_cancels_its_job(client: carlo.Client) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.run(carlo.EXAMPLE, simulations=LARGE, progress=interrupt)
    newest = next(client.jobs())
    assert newest.simulations_total == LARGE and newest.status == "cancelled"


def test_a_key_creates_one_job(client: carlo.Client) -> None:
    key = f"test-{time.monotonic_ns()}"
    first, second = (client.submit(carlo.EXAMPLE, simulations=1_000, seed=1, idempotency_key=key) for _ in range(2))
    assert first.job_id == second.job_id
    with pytest.raises(errors.ApiError) as caught:
        client.submit(carlo.EXAMPLE, simulations=1_001, seed=1, idempotency_key=key)
    assert caught.value.status == 422 and "idempotency" in caught.value.kind


def test_without_a_good_key_nothing_is_answered(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARLO_API_KEY", raising=False)
    for key in (None, "wrong", "carlo_" + "0" * 64):
        with carlo.Client(cluster.url, key) as client:
            began = time.monotonic()
            with pytest.raises(errors.Unauthenticated):
                client.submit(carlo.EXAMPLE)
            with pytest.raises(errors.Unauthenticated):
                list(client.events("job_" + "0" * 32))
            # Further attempts would not help.
            assert time.monotonic() - began < 5
            assert key is None or key not in repr(client)


def test_a_user_may_not_do_what_is_for_others(cluster: Cluster) -> None:
    made = httpx.post(f"{cluster.url}/api/admin/keys", json={"user_id": "ann", "tier": "pro"}, headers={"X-API-Key": cluster.key})
    key = next(value for value in made.json().values() if isinstance(value, str) and len(value) > 60)
    with carlo.Client(cluster.url, key) as ann, cluster.client() as admin:
        job = admin.submit(carlo.EXAMPLE, simulations=1_000)
        node = admin.cluster().nodes[0].id
        with pytest.raises(errors.NotAllowed):
            ann.drain(node)
        with pytest.raises(errors.NotAllowed):
            ann.job(job)
        assert ann.run(carlo.EXAMPLE, simulations=1_000, seed=2) == carlo.run(carlo.EXAMPLE, simulations=1_000, seed=2)
        usage = ann.usage()
        assert usage.user_id == "ann" and usage.simulations_used == 1


def test_batches(client: carlo.Client) -> None:
    plans = {f"target-{target}": {**carlo.EXAMPLE, "goal": {"targetAmount": target, "timelineMonths": 36}} for target in (50_000, 60_000, 70_000)}
    batch = client.submit_batch(plans, simulations=20_000, seed=4, parallel_jobs=2, budget_cap_usd=1.0, metadata={"for": "a test"})
    assert batch.progress.total_jobs == 3 and batch.metadata == {"for": "a test"}
    told: list[tuple[int, int]] = []
    ended = client.wait_batch(batch, timeout=60, progress=lambda done, total: told.append((done, total)))
    assert ended.status == "COMPLETED" and told[-1] == (3, 3)
    events = list(client.batch_events(batch))
    assert [event.kind for event in events] == ["completed"] and events[0].batch == ended
    assert list(client.batch_events(batch, last=events[0].id)) == []
    assert ended.batch_id in [found.batch_id for found in client.batches("COMPLETED")]
    found = {job.custom_id: job.results for job in client.batch_results(batch)}
    for name, plan in plans.items():
        results = found[name]
        assert results is not None and results == carlo.run(plan, simulations=20_000, seed=4)
        assert results.sensitivity is not None
    endless = client.submit_batch([carlo.EXAMPLE] * 2, simulations=LARGE)
    with pytest.raises(errors.WaitTimeout):
        client.wait_batch(endless, timeout=0.2)
    events_of_endless = client.batch_events(endless)
    assert next(events_of_endless).kind == "progress"
    assert client.cancel_batch(endless, reason="enough").cancel_reason == "enough"
    kinds = [event.kind for event in events_of_endless]
    assert kinds[-1] == "cancelled" and set(kinds[:-1]) <= {"progress"}
    assert client.wait_batch(endless).status == "CANCELLED"


def test_the_cluster_and_its_nodes(client: carlo.Client) -> None:
    cluster = client.cluster()
    assert cluster.model_version == carlo.MODEL_VERSION
    node = cluster.nodes[0].id
    client.drain(node)
    assert client.cluster().draining_nodes == 1
    client.undrain(node)
    assert client.cluster().draining_nodes == 0


def test_32_threads_share_a_client(client: carlo.Client) -> None:
    alone = [carlo.run(carlo.EXAMPLE, simulations=5_000, seed=seed).digest for seed in range(8)]
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda i: client.run(carlo.EXAMPLE, simulations=5_000, seed=i % 8).digest, range(64)))
    assert found == [alone[i % 8] for i in range(64)]


def remote_digest(client: carlo.Client) -> str:
    return client.run(carlo.EXAMPLE, simulations=5_000, seed=3).digest


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_use_a_client(client: carlo.Client, method: str) -> None:
    here = remote_digest(client)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(remote_digest, [client] * 4).get(60) == [here] * 4
    assert remote_digest(client) == here


def test_a_lost_coordinator_is_waited_for(own_cluster: Cluster) -> None:
    with own_cluster.client() as client:
        job = client.submit(carlo.EXAMPLE, simulations=100_000_000, seed=6)
        found: list[carlo.Job] = []
        waiting = [
            threading.Thread(target=lambda: found.append(client.wait(job, timeout=120))),
            threading.Thread(target=lambda: found.append(client.wait(job, timeout=120, progress=lambda done, total: None))),
        ]
        for thread in waiting:
            thread.start()
        while client.job(job).status == "queued":
            time.sleep(0.01)
        own_cluster.kill_coordinator()
        time.sleep(1.5)
        assert not found
        own_cluster.start_coordinator()
        for thread in waiting:
            thread.join(120)
        assert len(found) == 2 and found[0].results == found[1].results
        assert found[0].results is not None
        assert found[0].results.digest == carlo.run(carlo.EXAMPLE, simulations=100_000_000, seed=6).digest


def test_a_server_that_stays_away_is_given_up(own_cluster: Cluster) -> None:
    with own_cluster.client(patience=1.0) as client:
        job = client.submit(carlo.EXAMPLE, simulations=LARGE)
        own_cluster.end()
        began = time.monotonic()
        for call in (lambda: client.wait(job), lambda: list(client.events(job)), client.cluster):
            with pytest.raises(errors.Unreachable):
                call()
        assert time.monotonic() - began < 10


def test_the_same_with_asyncio(cluster: Cluster) -> None:
    async def use() -> None:
        async with carlo.AsyncClient(cluster.url, cluster.key) as client:
            results = await asyncio.gather(*(client.run(carlo.EXAMPLE, simulations=20_000, seed=seed) for seed in range(4)))
            assert [found.digest for found in results] == [carlo.run(carlo.EXAMPLE, simulations=20_000, seed=seed).digest for seed in range(4)]
            job = await client.submit(carlo.EXAMPLE, simulations=500_000, seed=1)
            kinds = [event.kind async for event in client.events(job)]
            assert kinds[-1] == "complete"
            assert (await client.wait(job, progress=lambda done, total: None)).status == "complete"
            assert (await client.job(job, wait=1)).status == "complete"
            assert job.job_id in [found.id async for found in client.jobs()]
            assert (await client.replay(job, 1)).index == 1
            await client.compare([carlo.EXAMPLE, carlo.EXAMPLE], simulations=1_000)
            await client.solve(carlo.EXAMPLE, "maxTarget", 0.5, simulations=1_000)
            table = await client.sweep(carlo.EXAMPLE, {"/goal/timelineMonths": [36, 48]}, simulations=1_000)
            assert len(table.points) == 2
            batch = await client.submit_batch([carlo.EXAMPLE], simulations=1_000)
            assert (await client.wait_batch(batch)).status == "COMPLETED"
            assert [event.kind async for event in client.batch_events(batch)] == ["completed"]
            assert len([found async for found in client.batch_results(batch)]) == 1
            assert (await client.batch(batch)).batch_id in [found.batch_id async for found in client.batches()]
            assert (await client.usage()).user_id and (await client.cluster()).total_nodes >= 1
            with pytest.raises(carlo.InvalidRequest):
                await client.submit({})
            task = asyncio.create_task(client.run(carlo.EXAMPLE, simulations=LARGE))
            while not [found async for found in client.jobs("running")]:
                await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            newest = [found async for found in client.jobs()][0]
            assert newest.simulations_total == LARGE and newest.status == "cancelled"
            endless = await client.submit_batch([carlo.EXAMPLE], simulations=LARGE)
            assert (await client.cancel_batch(endless)).status == "CANCELLED"
            with pytest.raises(errors.Conflict):
                await client.cancel(job)

    asyncio.run(use())


def test_models_are_what_the_gateway_describes(cluster: Cluster, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(httpx.get(f"{cluster.url}/openapi.json").json()))
    package = Path(__file__).parents[1]
    written = subprocess.check_output([sys.executable, str(package / "generate.py"), str(document)], text=True)
    stored = (package / "python" / "carlo" / "models.py").read_text()
    assert written == stored, "run: python crates/python/generate.py openapi.json > crates/python/python/carlo/models.py"
