"""A ticket as the ticket system posts it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from model.ticket import Location, Ticket

MOST_CONTENT_CHARACTERS: Final = 100_000

# Controls other than tab, line feed and carriage return say nothing, and a database may refuse NUL.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_VISIBLE: Final = r"[^\s\x00-\x1f\x7f-\x9f]"
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
STORED_ID: Final = r"^[^/\x00-\x1f\x7f-\x9f]+$"
"""An id that can stand in an address: without slashes and control characters."""
_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def without_controls(text: str | None) -> str:
    """The text less its control characters; tab and line breaks stay. None is the empty text."""
    return _CONTROLS.sub("", text) if text else ""


def rfc_3339(value: object) -> object:
    """A moment with its time zone. Raises `PydanticCustomError` for any other form."""
    if value is None:
        return None
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper())
            moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            return moment
    raise PydanticCustomError("rfc_3339", "not an RFC 3339 time with a time zone")


Text = Annotated[str | None, AfterValidator(without_controls)]
"""Free text: may be null, control characters are dropped."""

Moment = Annotated[
    datetime | None,
    BeforeValidator(rfc_3339),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]

_Degrees = Annotated[float, Strict(), Field(allow_inf_nan=False)]


class PostedLocation(BaseModel):
    """事发地点，知道多少给多少。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Text = Field(
        default="", max_length=500, description="详细地址", examples=["民治街道梅龙路与民旺路交汇处工地"]
    )
    district: Text = Field(default="", max_length=100, description="区", examples=["龙华区"])
    street: Text = Field(default="", max_length=100, description="街道", examples=["民治街道"])
    community: Text = Field(default="", max_length=100, description="社区", examples=["民强社区"])
    longitude: Annotated[_Degrees, Field(ge=-180, le=180)] | None = Field(
        default=None, description="经度，WGS 84，单位度", examples=[114.0416]
    )
    latitude: Annotated[_Degrees, Field(ge=-90, le=90)] | None = Field(
        default=None, description="纬度，WGS 84，单位度", examples=[22.6231]
    )

    def location(self) -> Location:
        """The same as the library knows it."""
        return Location(
            address=self.address or "",
            district=self.district or "",
            street=self.street or "",
            community=self.community or "",
            longitude=self.longitude,
            latitude=self.latitude,
        )


class PostedTicket(BaseModel):
    """一件诉求。只有 content 必填；没有列出的字段会被拒绝，并指明是哪一个。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: Annotated[str, AfterValidator(without_controls)] = Field(
        min_length=1,
        max_length=MOST_CONTENT_CHARACTERS,
        pattern=_VISIBLE,
        description="诉求正文，市民原话，不能全是空白。个人信息会先遮盖，再存储、记录和展示。",
    )
    ticket_id: str | None = Field(
        default=None,
        max_length=128,
        pattern=NO_CONTROLS,
        description="工单编号，由工单系统给出",
        examples=["LH20260512000381"],
    )
    title: Text = Field(default="", max_length=500, description="标题", examples=["工地深夜施工扰民"])
    channel: str | None = Field(
        default=None, max_length=64, pattern=NO_CONTROLS, description="来源渠道", examples=["12345 热线"]
    )
    created_at: Moment = Field(
        default=None,
        description="提交时间，RFC 3339，须带时区；据此算出首次响应时限",
        examples=["2026-05-12T23:41:00+08:00"],
    )
    location: PostedLocation | None = None
    reporter_hash: str | None = Field(
        default=None,
        max_length=128,
        pattern=NO_CONTROLS,
        description="诉求人的不可逆标识，由工单系统生成；不要传姓名、电话",
        examples=["b7c1f0a94e"],
    )
    anonymous: Annotated[bool, Strict()] | None = Field(default=None, description="是否匿名")

    def ticket(self) -> Ticket:
        """The same as the library knows it."""
        return Ticket(
            content=self.content,
            ticket_id=self.ticket_id or "",
            title=self.title or "",
            channel=self.channel or "",
            created_at=self.created_at,
            location=self.location.location() if self.location else Location(),
            reporter_hash=self.reporter_hash or "",
            anonymous=bool(self.anonymous),
        )


class TicketToStore(PostedTicket):
    """一件要存储的诉求。content 和 ticket_id 必填；没有列出的字段会被拒绝，并指明是哪一个。"""

    ticket_id: str = Field(
        min_length=1,
        max_length=128,
        pattern=STORED_ID,
        description="工单编号，由工单系统给出，不含斜杠。同一编号、同样内容再发，答复不变；内容不同的答 409。",
        examples=["LH20260512000381"],
    )
