"""Every HTTP operation: who may call it, what it is called, how it answers, whether its document is current."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from libs.topology import SERVICES
from tests.architecture.applications import api_routes, application_of
from tests.architecture.openapi import FOLDER, document

AUDIENCES = {"public", "customer", "admin", "internal"}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
CREDENTIAL_OPERATIONS = {
    "login",
    "refresh",
    "logout",
    "logout_all",
    "step_up",
    "mint_mail_token",
    "start_browser_session",
    "finish_browser_session",
    "mint_browser_token",
    "end_browser_session",
    "exchange_grant",
    "introspect_token",
    "revoke_token",
    "create_oauth_client",
    "rotate_oauth_client_secret",
    "finish_login",
    "get_passkey_login_options",
    "log_in_with_passkey",
    "forget_password",
    "reset_password",
    "verify_email",
    "confirm_email_change",
    "request_email_verification",
    "get_passkey_step_up_options",
    "begin_totp",
    "confirm_totp",
    "remove_totp",
    "renew_recovery_codes",
    "get_passkey_options",
    "add_passkey",
    "rename_passkey",
    "remove_passkey",
    "change_password",
    "change_email",
}
"""What they take or answer are secrets, which a replay store must not keep (architecture section 2)."""
CHECKS = ("authenticated", "recently_authenticated", "service_caller", "cart_access")
ONCE_AND_FOR_ALL = {
    "close_identity",
    "get_userinfo_by_form",
    "end_session",
    "lock_account",
    "unlock_account",
    "change_roles",
    "end_account_sessions",
    "disable_oauth_client",
    "take_back_oauth_consent",
    "request_erasure",
}
"""Repeating them changes nothing and answers the same: there is nothing to keep."""
PAGES = {
    "authorize",
    "authorize_by_form",
    "end_login",
    "end_login_by_form",
    "show_consent",
    "show_login",
    "show_logout",
    "submit_consent",
    "submit_login",
    "submit_logout",
    "submit_second_factor",
}
"""Browsers know no keys, and people read pages; a form that is sent twice does no more than one sent once."""
IN_THE_WORDS_OF_OAUTH = {"exchange_grant", "introspect_token", "revoke_token"}
"""RFC 6749 section 5.2 says what their refusals look like; what OAuth does not know is a problem document."""
SIGNED_BY_THE_PROVIDER = {"receive_simulator_webhook", "receive_stripe_webhook"}


@pytest.fixture(params=SERVICES, scope="module")
def app(request: pytest.FixtureRequest) -> FastAPI:
    return application_of(request.param)


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    ]


def dependency_names(dependant: Dependant) -> set[str]:
    names = {getattr(dependant.call, "__qualname__", "")}
    for child in dependant.dependencies:
        names |= dependency_names(child)
    return names


def dependency_calls(dependant: Dependant) -> set[Callable[..., object]]:
    calls = {dependant.call} if dependant.call is not None else set()
    for child in dependant.dependencies:
        calls |= dependency_calls(child)
    return calls


def runs_on_the_loop(call: Callable[..., object]) -> bool:
    target = call if inspect.isroutine(call) else type(call).__call__
    return inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target)


def test_no_dependency_costs_a_trip_to_the_thread_pool(app: FastAPI) -> None:
    calls = {call for route in api_routes(app) for call in dependency_calls(route.dependant)}
    threaded = sorted(str(call) for call in calls if not runs_on_the_loop(call))
    assert not threaded, "FastAPI runs a plain `def` in a thread: make it `async def`"


def test_every_operation_says_who_may_call_it(app: FastAPI) -> None:
    for method, path, operation in operations(app):
        assert operation.get("x-audience") in AUDIENCES, f"{method} {path} names no audience"


def test_every_operation_that_is_not_public_checks_its_caller(app: FastAPI) -> None:
    assert api_routes(app)
    for route in api_routes(app):
        audience = (route.openapi_extra or {}).get("x-audience")
        checks = any(name.startswith(CHECKS) for name in dependency_names(route.dependant))
        assert audience == "public" or checks, f"{route.path} is {audience} but checks nobody"


def test_operation_names_are_verbs_of_their_own(app: FastAPI) -> None:
    names = [operation["operationId"] for _, _, operation in operations(app)]
    assert len(names) == len(set(names))
    assert not {"list", "get", "create", "update", "delete"} & set(names)


def test_every_unsafe_operation_takes_an_idempotency_key(app: FastAPI) -> None:
    for method, path, operation in operations(app):
        if (
            method not in UNSAFE
            or operation["operationId"]
            in CREDENTIAL_OPERATIONS | SIGNED_BY_THE_PROVIDER | ONCE_AND_FOR_ALL | PAGES
        ):
            continue
        headers = {
            p["name"].lower() for p in operation.get("parameters", []) if p["in"] == "header"
        }
        assert "idempotency-key" in headers, f"{method} {path} ignores Idempotency-Key"


def test_a_key_that_is_demanded_is_documented_as_required(app: FastAPI) -> None:
    demanded = {
        (method, route.path)
        for route in api_routes(app)
        for method in route.methods or ()
        if "required_key" in dependency_names(route.dependant)
    }
    documented = {
        (method, path)
        for method, path, operation in operations(app)
        for parameter in operation.get("parameters", ())
        if parameter["name"].lower() == "idempotency-key" and parameter["required"]
    }
    assert documented == demanded


def test_every_error_in_the_documents_is_a_problem(app: FastAPI) -> None:
    for method, path, operation in operations(app):
        of_its_own = operation["operationId"] in PAGES | IN_THE_WORDS_OF_OAUTH
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")) and not of_its_own:
                assert list(answer.get("content", {})) == ["application/problem+json"], (
                    f"{method} {path} documents {status} as something else than a problem"
                )


@pytest.mark.parametrize("service", SERVICES)
def test_the_published_openapi_document_is_current(service: str) -> None:
    published = (FOLDER / f"{service}.json").read_text()
    assert published == document(application_of(service)), (
        "run `make openapi` and review the change"
    )
    assert json.loads(published)["openapi"].startswith("3.1")
