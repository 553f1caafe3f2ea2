"""A gRPC client in Python, see tests/grpc. Arguments: the coordinator's address and an API key."""

import sys

import grpc
from carlo.v1 import jobs_pb2, jobs_pb2_grpc, simulation_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SECONDS = 30


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


def main(address, key):
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
    print("a Python client submitted, watched, was refused, and found out what there is")


if __name__ == "__main__":
    main(*sys.argv[1:])
