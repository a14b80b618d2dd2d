"""Annotating: the Grafanas on whose dashboards a team sees its drills."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from runner.experiment.detecting import http_url


class Grafana(BaseModel):
    """One Grafana; its annotations are found again by the run's id among their tags."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    grafana: str
    """Its base URL."""
    token: str | None = Field(default=None, repr=False)
    """Of a service account that may read and write annotations."""
    dashboard: str | None = None
    """The UID of one dashboard; without it the annotation is the whole organisation's, for every dashboard that shows its tags."""
    panel: int | None = None
    tags: tuple[str, ...] = ()
    """More tags than chaos-run, the run's id, its service and its verdict."""

    @field_validator("grafana")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return http_url(value)
