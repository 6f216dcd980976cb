"""The base of every section of the settings, and the bounds that several share."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[Decimal, Field(gt=0, le=1)]
Share = Annotated[Decimal, Field(gt=0, lt=1)]
Amount = Annotated[Decimal, Field(gt=0)]
Level = Annotated[Decimal, Field(ge=0)]
Natural = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """Base of all sections: frozen, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
