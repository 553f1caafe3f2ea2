"""Submits a request over gRPC, follows the job, and prints its answer.

CARLO_API_KEY=… python grpc_jobs.py REQUEST.json

Needs `pip install grpcio-tools googleapis-common-protos`, which also compiles proto/ here; a program of your own would do that once, when it is built.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import grpc
from google.protobuf.json_format import ParseDict
from google.rpc import error_details_pb2, status_pb2
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[3] / "proto"
# Keep-alive pings distinguish a long silent stream from a broken one.
OPTIONS = (("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 10_000))


def compiled(directory: str):
    """The messages and stubs of carlo.v1."""
    files = [str(path.relative_to(PROTO)) for path in PROTO.glob("carlo/v1/*.proto")]
    arguments = ["protoc", f"--proto_path={PROTO}", f"--python_out={directory}", f"--grpc_python_out={directory}", *files]
    if protoc.main(arguments) != 0:
        raise SystemExit("failed to compile proto/")
    sys.path.insert(0, directory)
    from carlo.v1 import jobs_pb2, jobs_pb2_grpc

    return jobs_pb2, jobs_pb2_grpc


def faults(error: grpc.RpcError) -> str:
    """Why a call was refused, with every fault of the request."""
    lines = [f"{error.code().name}: {error.details()}"]
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                bad = error_details_pb2.BadRequest()
                if detail.Unpack(bad):
                    lines += [f"  {fault.field} {fault.description}" for fault in bad.field_violations]
    return "\n".join(lines)


def main(file: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        jobs_pb2, jobs_pb2_grpc = compiled(directory)
        address = os.environ.get("CARLO_COORDINATOR", "127.0.0.1:7070").removeprefix("http://")
        key = (("x-api-key", os.environ.get("CARLO_API_KEY", "")),)
        with grpc.insecure_channel(address, OPTIONS) as channel:
            jobs = jobs_pb2_grpc.JobsStub(channel)
            # JSON with the names of the messages.
            submit = ParseDict({"simulation": json.loads(Path(file).read_text())}, jobs_pb2.SubmitRequest())
            try:
                job = jobs.Submit(submit, metadata=key, timeout=30, wait_for_ready=True)
                for event in jobs.Watch(jobs_pb2.WatchJobRequest(id=job.id), metadata=key):
                    job = event.job
                    print(f"{job.progress_percent:.0f} %", file=sys.stderr)
            except grpc.RpcError as error:
                raise SystemExit(faults(error)) from None
        if not job.HasField("results"):
            raise SystemExit(f"the job did not complete: {job.error}")
        results = job.results.results
        print(json.dumps({"successProbability": results.success_probability, "digest": results.digest.hex()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
