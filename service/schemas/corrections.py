"""Outcomes and reviews as they are posted."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from model.prediction import KindCode, UrgencyCode
from service.schemas.ticket import NO_CONTROLS, without_controls
from service.storage.corrections import OutcomeKind, ReviewAction

_MOST_REASON: Final = 2_000

TicketId = Annotated[str, Field(min_length=1, max_length=128, pattern=NO_CONTROLS)]
_Label = Annotated[str, Field(min_length=1, max_length=128, pattern=NO_CONTROLS)]
_Reason = Annotated[str, Field(min_length=1, max_length=_MOST_REASON), AfterValidator(without_controls)]
_By = Annotated[str, Field(min_length=1, max_length=64, pattern=NO_CONTROLS)]


class PostedOutcome(BaseModel):
    """一件工单后来怎样了。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: OutcomeKind = Field(
        description="department 最终由谁承办；return 被退单；urgency 紧急程度有变；merge 与另一件并单；unmerge 拆开"
    )
    department: _Label | None = Field(
        default=None,
        description="单位代码或名称。kind 为 department 时必填；为 return 时可填退单单位认为的承办单位",
        examples=["RSJ"],
    )
    urgency: UrgencyCode | None = Field(
        default=None, description="kind 为 urgency 时必填，为 department 时可填", examples=["urgent"]
    )
    other_ticket: TicketId | None = Field(
        default=None,
        description="kind 为 merge、unmerge 时必填：另一件的工单编号",
        examples=["BA20260224000109"],
    )
    reason: _Reason | None = Field(
        default=None, description="kind 为 return 时必填；个人信息会先遮盖", examples=["属区级事权"]
    )
    by: _By | None = Field(default=None, description="谁报的；不给时为密钥的名称", examples=["宝安分拨中心"])


class PostedReview(BaseModel):
    """人对一件预测的意见。"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: ReviewAction = Field(
        description="accept 采纳预测；correct 更正（至少给出一项并写明理由）；second_opinion 请第二个人看"
    )
    department: _Label | None = Field(default=None, description="更正后的单位代码或名称", examples=["SBJ"])
    urgency: UrgencyCode | None = Field(default=None, description="更正后的紧急程度")
    kind: KindCode | None = Field(default=None, description="更正后的类型")
    reason: _Reason | None = Field(
        default=None,
        description="action 为 correct 时必填；个人信息会先遮盖",
        examples=["说的是养老金，不是工资"],
    )
    by: _By | None = Field(default=None, description="谁的意见；不给时为密钥的名称", examples=["审核员07"])
