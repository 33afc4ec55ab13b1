"""What is known of all models, for whoever asks: which version answers a request, and how each of them fares."""

from tensorflow_serving.apis import model_pb2

from .errors import InvalidArgument, NotFound, Unavailable
from .request_log import RequestLogging
from .servable import Servable
from .versions import Model, Version


class Catalog:
    """The models by name. The manager writes it; everyone else reads."""

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}

    def servable(self, spec: model_pb2.ModelSpec) -> Servable:
        """The loaded version that a request asks for; the highest one where it names none.

        Raises:
            InvalidArgument: the request names no model, or a label that nothing has.
            NotFound: no such model, or the version is not loaded.
            Unavailable: the model's first version is still being loaded.
        """
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        model = self.models.get(spec.name, Model(spec.name))
        available = model.available()
        number = _number_asked_for(spec, model)
        if number is None and available:
            number = max(available)
        if number in available:
            return available[number]
        if number is not None:
            raise NotFound(f"Servable not found for request: Specific({spec.name}, {number})")
        if any(version.loading for version in model.versions.values()):
            raise Unavailable(f"Model {spec.name} is still being loaded. Try again in a moment.")
        raise NotFound(f"Servable not found for request: Latest({spec.name})")

    def status(self, spec: model_pb2.ModelSpec) -> list[Version]:
        """The versions of a model, or the one asked for, highest first. Labels are passed over, as there.

        Raises:
            InvalidArgument: the request names no model.
            NotFound: no such model or version.
        """
        if not spec.name:
            raise InvalidArgument("ModelSpec has no name specified.")
        model = self.models.get(spec.name)
        if model is None or not model.versions:
            raise NotFound(f"Could not find any versions of model {spec.name}")
        if spec.HasField("version"):
            if spec.version.value not in model.versions:
                raise NotFound(f"Could not find version {spec.version.value} of model {spec.name}")
            return [model.versions[spec.version.value]]
        return model.newest_first()

    def ready(self) -> dict[str, bool]:
        """For each model to be served, whether some version of it is loaded and warmed."""
        return {model.name: bool(model.available()) for model in self.models.values() if model.config}

    def request_logging(self, model: str) -> RequestLogging | None:
        """Whether and where requests for this model are logged."""
        known = self.models.get(model)
        return known.config.logging if known and known.config else None

    def served(self) -> list[Model]:
        """Every model that is to be served, or of which some version still is."""
        return [model for model in self.models.values() if model.config or model.available()]

    def states(self) -> dict[tuple[str, ...], float]:
        """1 for every version that was found, by model, number and state."""
        return {
            (model.name, str(version.number), version.state.name): 1
            for model in self.models.values()
            for version in model.versions.values()
        }

    def written(self) -> dict[tuple[str, ...], float]:
        """When each version that answers was written, in seconds since 1970, by model and number."""
        return {
            (model.name, str(version.number)): version.identity.written_ns / 1e9
            for model in self.models.values()
            for version in model.versions.values()
            if version.servable and version.identity
        }


def _number_asked_for(spec: model_pb2.ModelSpec, model: Model) -> int | None:
    """The version that a request names by number or by label; None where it leaves the choice to the server."""
    if spec.WhichOneof("version_choice") == "version_label":
        if spec.version_label not in model.labels:
            raise InvalidArgument(f"Unrecognized servable version label: {spec.version_label}")
        return model.labels[spec.version_label]
    return int(spec.version.value) if spec.HasField("version") else None
