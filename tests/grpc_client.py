"""A gRPC client in Python, see tests/grpc. Arguments: the coordinator's address, an API key, and the program `carlo`."""

import json
import subprocess
import sys
from pathlib import Path

import grpc
from carlo.v1 import jobs_pb2, jobs_pb2_grpc, simulation_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SECONDS = 30
EXAMPLES = Path(__file__).resolve().parent.parent / "deploy/examples"
PLANS = ["retired_couple", "early_retirement_guardrails", "bootstrap"]
SIMULATIONS = 20_000
SEED = 7


def request():
    return simulation_pb2.SimulationRequest(
        financial_profile=simulation_pb2.FinancialProfile(liquid_assets=10_000, monthly_income=4_000, monthly_spending=3_000),
        goal=simulation_pb2.Goal(target_amount=20_000, timeline_months=12),
        simulation_params=simulation_pb2.SimulationParams(n_simulations=20_000, seed=7),
    )


def refused(call, code):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error
    raise AssertionError(f"{code} was expected")


def ask(channel, service, requests):
    """A stream of requests to a version of server reflection. The versions have the same messages."""
    call = channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return list(call(iter(requests), timeout=SECONDS))


def as_message(json_value):
    """JSON in the shape of the messages: a list of lists is a list of rows, and a model or rule is a member of its name."""
    if isinstance(json_value, list):
        return [{"values": value} if isinstance(value, list) else as_message(value) for value in json_value]
    if not isinstance(json_value, dict):
        return json_value
    members = {name: as_message(value) for name, value in json_value.items()}
    for choice in ("model", "rule"):
        if choice in members:
            return {members.pop(choice): members}
    return members


def plan(name):
    """A request of the examples, as JSON and as the message, in which members have the same names."""
    example = json.loads((EXAMPLES / f"{name}.json").read_text())
    request = example.get("request", example)
    request["simulationParams"] |= {"nSimulations": SIMULATIONS, "seed": SEED}
    message = as_message(request) | {"sweep": example.get("axes", [])}
    return request, ParseDict(message, simulation_pb2.SimulationRequest())


def digest_here(carlo, request, *arguments):
    """The digest that the command line computes on this machine."""
    text = json.dumps(request)
    run = subprocess.run([carlo, *arguments, "--json"], input=text, capture_output=True, text=True, check=True, timeout=SECONDS)
    return json.loads(run.stdout)["results"]["digest"]


def check_plans(jobs, metadata, carlo):
    """Plans over a lifetime: events, results, replays and samples, with the digests of the command line."""
    for name in PLANS:
        request, message = plan(name)
        job = jobs.Submit(jobs_pb2.SubmitRequest(simulation=message, name=name), metadata=metadata, timeout=SECONDS)
        events = list(jobs.Watch(jobs_pb2.WatchJobRequest(id=job.id), metadata=metadata, timeout=SECONDS))
        assert [event.id for event in events] == sorted({event.id for event in events}), events
        last = events[-1].job
        results = last.results.results
        assert last.name == name and results.simulations_run == SIMULATIONS, last
        assert results.digest.hex() == digest_here(carlo, request, "run", "-"), name
        assert results.trajectory and results.sensitivity.ByteSize(), name
        never_short = request["goal"].get("success") == "neverShort"
        assert results.HasField("path") == never_short, name
        assert results.HasField("spending") == ("spendingRule" in request["plan"]), name
        assert results.HasField("horizon_months") == bool(message.plan.people), name

        samples = list(jobs.Samples(jobs_pb2.SamplesRequest(id=job.id, first=0, count=SIMULATIONS), metadata=metadata, timeout=SECONDS))
        succeeded = [one for block in samples for one in block.succeeded]
        lived = [months for block in samples for months in block.months_lived] or [message.goal.timeline_months] * SIMULATIONS
        assert sum(succeeded) / SIMULATIONS == results.success_probability, name
        for index in (0, SIMULATIONS - 1):
            replayed = jobs.Replay(jobs_pb2.ReplayRequest(id=job.id, index=index), metadata=metadata, timeout=SECONDS)
            assert len(replayed.months) == lived[index] and replayed.succeeded == succeeded[index], (name, index)
            month = replayed.months[-1]
            assert month.HasField("flows") == bool(message.plan.flows), name
            assert month.HasField("spending_multiplier") == ("spendingRule" in request["plan"]), name

    request, message = plan("sweep")
    points = 1
    for axis in message.sweep:
        points *= len(axis.values)
    job = jobs.Submit(jobs_pb2.SubmitRequest(simulation=message), metadata=metadata, timeout=SECONDS)
    ended = list(jobs.Watch(jobs_pb2.WatchJobRequest(id=job.id), metadata=metadata, timeout=SECONDS))[-1].job
    whole = jobs.Get(jobs_pb2.GetJobRequest(id=job.id, with_points=True), metadata=metadata, timeout=SECONDS).results.results
    assert len(whole.variants) == points, len(whole.variants)
    over = [f"--over={axis.pointer}={','.join(str(value) for value in axis.values)}" for axis in message.sweep]
    assert whole.digest.hex() == digest_here(carlo, request, "sweep", "-", *over), ended

    # What excludes each other is refused by its place in the request.
    _, message = plan("retired_couple")
    message.solve.variable, message.solve.probability = "earliestMonth", 0.5
    message.variants.add()
    refusal = refused(lambda: jobs.Submit(jobs_pb2.SubmitRequest(simulation=message), metadata=metadata, timeout=SECONDS), grpc.StatusCode.INVALID_ARGUMENT)
    assert "variants" in refusal.details() or b"variants" in dict(refusal.trailing_metadata())["grpc-status-details-bin"], refusal


def main(address, key, carlo):
    channel = grpc.insecure_channel(address)
    jobs = jobs_pb2_grpc.JobsStub(channel)
    with_key = (("x-api-key", key),)

    submit = jobs_pb2.SubmitRequest(simulation=request())
    refused(lambda: jobs.Submit(submit, timeout=SECONDS), grpc.StatusCode.UNAUTHENTICATED)
    refused(lambda: jobs.Submit(jobs_pb2.SubmitRequest(), metadata=with_key, timeout=SECONDS), grpc.StatusCode.INVALID_ARGUMENT)

    # Compressed requests are accepted, too.
    for compression in (None, grpc.Compression.Gzip):
        job = jobs.Submit(submit, metadata=with_key, timeout=SECONDS, compression=compression)
        events = list(jobs.Watch(jobs_pb2.WatchJobRequest(id=job.id), metadata=with_key, timeout=SECONDS))
        last = events[-1].job
        assert last.results.results.simulations_run == 20_000, last
    error = refused(lambda: jobs.Get(jobs_pb2.GetJobRequest(id="job_" + "0" * 32), metadata=with_key, timeout=SECONDS), grpc.StatusCode.NOT_FOUND)
    assert error.details(), error

    check_plans(jobs, with_key, carlo)

    question = reflection_pb2.ServerReflectionRequest
    for version in ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"):
        unknown, services, symbol = ask(
            channel,
            version,
            [
                question(file_containing_symbol="no.such.Symbol"),
                question(list_services=""),
                question(file_containing_symbol="carlo.v1.Jobs.Replay"),
            ],
        )
        assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0], unknown
        names = {service.name for service in services.list_services_response.service}
        assert {"carlo.v1.Jobs", "carlo.v1.Workers", "grpc.health.v1.Health", version} <= names, names
        assert len(symbol.file_descriptor_response.file_descriptor_proto) == 1, symbol
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    assert "Submit" in pool.FindServiceByName("carlo.v1.Jobs").methods_by_name

    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "carlo.v1.Jobs"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, (service, answer)
    print("a Python client submitted, watched, replayed, was refused, and found out what there is")


if __name__ == "__main__":
    main(*sys.argv[1:])
