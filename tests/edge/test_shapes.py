"""The two shapes of the edge (docs/architecture.md), and that nothing gets around either."""

from edge.envoy.request_headers import VERDICT
from edge.table import load_table
from tests.edge.readers import api_gateway, cloudfront, envoy
from tests.edge.readers.files import GATEWAY


def test_the_delivery_network_sends_the_header_that_gateway_and_firewall_ask_for() -> None:
    header = load_table().headers.origin_secret
    assert cloudfront.FILE["origins"]["api"]["secret_header"] == header
    assert api_gateway.STAGE["firewall"]["origin_header"] == header
    assert header in (GATEWAY / "envoy.yaml").read_text()
    assert VERDICT.startswith("x-edge-")


def test_no_generated_file_holds_a_secrets_value() -> None:
    text = "".join(file.read_text() for file in GATEWAY.iterdir() if file.name != "README.md")
    assert "ENVIRONMENT(ORIGIN_SECRET)" in text
    assert "BEGIN" not in text


def test_the_default_endpoint_of_api_gateway_is_off() -> None:
    for server in api_gateway.DEFINITION["servers"]:
        configuration = server["x-amazon-apigateway-endpoint-configuration"]
        assert configuration["disableExecuteApiEndpoint"] is True


def test_api_gateway_reaches_services_over_the_private_link_only() -> None:
    for methods in api_gateway.DEFINITION["paths"].values():
        for described in methods.values():
            integration = described["x-amazon-apigateway-integration"]
            assert integration["connectionType"] == "VPC_LINK"
            assert integration["uri"].startswith("https://${internal_host}/")


def test_both_shapes_serve_event_streams() -> None:
    path = "/v1/orders/ord_1/events"
    for finder in (envoy.find, api_gateway.find):
        found = finder("GET", path)
        assert found is not None
        assert found.stream
    integration = api_gateway.DEFINITION["paths"]["/v1/orders/{order_id}/events"]["get"][
        "x-amazon-apigateway-integration"
    ]
    assert integration["responseTransferMode"] == "STREAM"
    assert integration["timeoutInMillis"] == load_table().stream_seconds * 1000


def test_one_clients_limit_is_the_firewalls_where_api_gateway_cannot_count_clients() -> None:
    table = load_table()
    rules = {rule["name"]: rule for rule in api_gateway.STAGE["firewall"]["rate_rules"]}
    assert set(rules) == {name for name, one in table.rate_classes.items() if one.per_client}
    for name, rule in rules.items():
        seconds = rule["evaluation_window_seconds"]
        assert rule["limit"] == table.rate_classes[name].requests * seconds
        served = [route for route in table.edge_routes if route.rate_name == name]
        assert rule["path_regexes"] == [f"^{route.matcher.regex}$" for route in served]
