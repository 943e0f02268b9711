"""Calls operations with botocore as told on stdin, one JSON line each, and answers with what botocore read, one line each.

In:  {"service", "protocol" or null, "operation", "input", "endpoint"}
Out: {"output"} or {"error"}. Timestamps are {"$date": milliseconds}, bytes {"$bytes": hex}.
"""
import datetime
import json
import socket
import sys

import botocore.config
import botocore.eventstream
import botocore.session

# Names like 123456789012.localhost do not resolve everywhere.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve(
    "127.0.0.1" if host.endswith("localhost") else host, *rest, **more
)

# Not known to older versions, which are worth running too: PYTHONPATH chooses.
S3_SETTINGS = {"s3": {"addressing_style": "path"}, "response_checksum_validation": "when_required"}

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def decode(value):
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        if set(value) == {"$date"}:
            return EPOCH + datetime.timedelta(milliseconds=value["$date"])
        if set(value) == {"$bytes"}:
            return bytes.fromhex(value["$bytes"])
        return {key: decode(item) for key, item in value.items()}
    return value


def encode(value):
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return {"$date": round((value - EPOCH).total_seconds() * 1000)}
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": bytes(value).hex()}
    if isinstance(value, botocore.eventstream.EventStream):
        return [encode(event) for event in value]
    if hasattr(value, "read"):
        return {"$bytes": value.read().hex()}
    return value


clients = {}


def client_of(service, protocol, endpoint):
    key = (service, protocol)
    if key not in clients:
        session = botocore.session.Session()
        loader = session.get_component("data_loader")
        load = loader.load_service_model

        def load_with_protocol(name, kind, api_version=None):
            model = load(name, kind, api_version)
            if kind == "service-2" and protocol:
                metadata = {**model["metadata"], "protocol": protocol, "protocols": [protocol]}
                model = {**model, "metadata": metadata}
            return model

        loader.load_service_model = load_with_protocol
        clients[key] = session.create_client(
            service,
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=botocore.config.Config(
                parameter_validation=False,
                inject_host_prefix=False,
                **(S3_SETTINGS if service == "s3" else {}),
                retries={"total_max_attempts": 1},
                read_timeout=5,
            ),
        )
    return clients[key]


for line in sys.stdin:
    call = json.loads(line)
    try:
        client = client_of(call["service"], call.get("protocol"), call["endpoint"])
        output = client._make_api_call(call["operation"], decode(call["input"]))
        output.pop("ResponseMetadata", None)
        answer = json.dumps({"output": encode(output)})
    except Exception as error:  # whatever went wrong is the answer
        answer = json.dumps({"error": f"{type(error).__name__}: {error}"})
    print(answer, flush=True)
