"""The provider behind OpenFeature's client: the last good document, in memory."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from typing_extensions import override

Value = TypeVar("Value")
Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class DocumentProvider(AbstractProvider):
    """Answers for flags that are on or off; nothing on the way to an answer waits for anything."""

    def __init__(self) -> None:
        super().__init__()
        self._states: Mapping[str, bool] = {}

    def hold(self, states: Mapping[str, bool]) -> bool:
        """Answer from these states from now on; tell whether they differ from those before."""
        changed = states != self._states
        self._states = states
        return changed

    @override
    def get_metadata(self) -> Metadata:
        return Metadata("meridian-document")

    @override
    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        if flag_key not in self._states:
            return _default(default_value, ErrorCode.FLAG_NOT_FOUND)
        return FlagResolutionDetails(self._states[flag_key], reason=Reason.STATIC)

    @override
    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return _default(default_value, ErrorCode.TYPE_MISMATCH)

    @override
    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return _default(default_value, ErrorCode.TYPE_MISMATCH)

    @override
    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        return _default(default_value, ErrorCode.TYPE_MISMATCH)

    @override
    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Structure,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Structure]:
        return _default(default_value, ErrorCode.TYPE_MISMATCH)


def _default(value: Value, why: ErrorCode) -> FlagResolutionDetails[Value]:
    return FlagResolutionDetails(value, error_code=why, reason=Reason.ERROR)
