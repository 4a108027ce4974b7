"""``/v1/clusters`` and ``/v1/hot``: tickets that are the same matter, and what many tell of now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import Connection, Row

from service import cursors, tickets_shown
from service.contract import problems
from service.problems import (
    CLUSTER_NOT_FOUND,
    INTERNAL,
    INVALID_REQUEST,
    STORAGE_UNAVAILABLE,
    Problem,
    shown,
)
from service.routes.parts import TheRuntime, TheStorage
from service.routes.tickets import known_taxonomy
from service.schemas.clusters import (
    ClusterAnswer,
    ClustersAnswer,
    ClusterSummary,
    HotAnswer,
    HotTopicAnswer,
)
from service.schemas.ticket import Moment
from service.storage import clusters as stored
from service.storage.tickets import Filters, listed

router = APIRouter(tags=["同一事项"], dependencies=[Depends(cursors.each_once)])

_CLUSTERS: Final = TypeAdapter(ClustersAnswer)
_CLUSTER: Final = TypeAdapter(ClusterAnswer)
_HOT: Final = TypeAdapter(HotAnswer)
_TOPIC: Final = TypeAdapter(HotTopicAnswer)


class ClustersQuery(BaseModel):
    """Which clusters, and how many."""

    model_config = ConfigDict(extra="forbid")

    smallest: int = Field(default=2, ge=1, le=1_000_000, description="至少有几件")
    since: Moment = Field(default=None, description="这一刻起有新工单的，RFC 3339，须带时区")
    district: str | None = Field(default=None, max_length=100, description="区")
    cursor: cursors.Cursor = None
    limit: cursors.Limit = 50


class ClusterQuery(BaseModel):
    """Which page of a cluster's tickets."""

    model_config = ConfigDict(extra="forbid")

    cursor: cursors.Cursor = None
    limit: cursors.Limit = 50


@router.get(
    "/v1/clusters",
    operation_id="list_clusters",
    summary="同一事项",
    response_model=ClustersAnswer,
    response_description="一页同一事项，有新工单的在前",
    responses=problems(INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def list_clusters(query: Annotated[ClustersQuery, Query()], storage: TheStorage) -> Response:
    """不同的人、不同的说法，说的是同一件事的，归在一起；并单、拆单之后随之改变。"""
    after = cursors.read_number_and_name(query.cursor)

    def read(connection: Connection) -> ClustersAnswer:
        page = stored.listed(
            connection,
            smallest=query.smallest,
            since=query.since,
            district=query.district,
            after=after,
            limit=query.limit,
        )
        titles = stored.titles(connection, [row.name for row in page.rows])
        last = page.rows[-1] if page.more else None
        return ClustersAnswer(
            tuple(ClusterSummary(**_summary(row, titles)) for row in page.rows),
            cursors.written(last.last_ticket, last.name) if last is not None else None,
        )

    return Response(_CLUSTERS.dump_json(await storage.read(read)), media_type="application/json")


@router.get(
    "/v1/clusters/{cluster}",
    operation_id="get_cluster",
    summary="一个同一事项和它的工单",
    response_model=ClusterAnswer,
    response_description="一页工单，早来的在前",
    responses=problems(CLUSTER_NOT_FOUND, INVALID_REQUEST, INTERNAL, STORAGE_UNAVAILABLE),
)
async def get_cluster(
    cluster: Annotated[str, Path(min_length=1, max_length=64, description="编号", examples=["C17"])],
    query: Annotated[ClusterQuery, Query()],
    runtime: TheRuntime,
    storage: TheStorage,
) -> Response:
    """被并入别的事项之后，原来的编号答 404；工单现在所属的编号见工单。"""
    after = cursors.read_numbers(query.cursor, parts=1)
    taxonomy = known_taxonomy(runtime)

    def read(connection: Connection) -> ClusterAnswer:
        row = stored.find(connection, cluster)
        page = listed(
            connection,
            Filters(cluster=cluster),
            after=after[0] if after else None,
            limit=query.limit,
            oldest_first=True,
        )
        return ClusterAnswer(
            **_summary(row, stored.titles(connection, [cluster])),
            tickets=tickets_shown.summaries(connection, page.rows, taxonomy),
            next_cursor=cursors.written(page.rows[-1].number) if page.more else None,
        )

    try:
        answer = await storage.read(read)
    except stored.UnknownCluster:
        raise Problem(CLUSTER_NOT_FOUND, f"没有编号为 {shown(cluster)!r} 的同一事项") from None
    return Response(_CLUSTER.dump_json(answer), media_type="application/json")


@router.get(
    "/v1/hot",
    operation_id="hot_topics",
    summary="近期热点",
    response_model=HotAnswer,
    response_description="近来说得比往常多的事，最不寻常的在前",
    responses=problems(INTERNAL, STORAGE_UNAVAILABLE),
)
async def hot_topics(storage: TheStorage) -> Response:
    """与这件事自己的往常、全市同期的来量相比；有新工单时约半分钟更新一次。"""
    found = await storage.read(stored.hot)
    topics = tuple(_TOPIC.validate_json(json.dumps(topic)) for _, topic in found)
    answer = HotAnswer(found[0][0] if found else None, topics)
    return Response(_HOT.dump_json(answer), media_type="application/json")


def _summary(row: Row[Any], titles: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "cluster": row.name,
        "title": titles.get(row.name),
        "size": row.size,
        "first_at": row.first_at,
        "last_at": row.last_at,
        "district": row.district or "",
    }
