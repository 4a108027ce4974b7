from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.prediction import URGENCY_CODES
from model.text.normalise import normalised
from model.urgency import Assessment, assess
from tests.model.urgency.letters import CALLS, DENIED, EMERGENCIES, ORDINARY, PAST, SUPPOSED


def read(content: str, title: str = "") -> Assessment:
    return assess(normalised(title), normalised(content))


def height(assessment: Assessment) -> int:
    return URGENCY_CODES.index(assessment.level) if assessment.level else -1


def each(letters: dict[str, tuple[str, ...]]) -> list[object]:
    return [
        pytest.param(letter, id=f"{hazard}-{number}")
        for hazard, texts in letters.items()
        for number, letter in enumerate(texts)
    ]


@pytest.mark.parametrize("letter", each({**EMERGENCIES, "call": CALLS}))
def test_an_emergency_is_raised(letter: str) -> None:
    assert read(letter).level == "emergency"


@pytest.mark.parametrize("letter", each(DENIED))
def test_what_is_denied_or_over_is_no_emergency(letter: str) -> None:
    assert read(letter).level != "emergency"


@pytest.mark.parametrize("letter", each(SUPPOSED))
def test_what_is_only_supposed_is_no_emergency(letter: str) -> None:
    assert read(letter).level != "emergency"


@pytest.mark.parametrize("letter", ORDINARY)
def test_an_ordinary_letter_in_words_of_danger_is_no_emergency(letter: str) -> None:
    assert read(letter).level != "emergency"


@pytest.mark.parametrize("letter", each(PAST))
def test_what_is_past_is_no_emergency(letter: str) -> None:
    assert read(letter).level != "emergency"


@pytest.mark.parametrize(
    "letter",
    [
        "服务器又着火了，抢票页面一直崩溃",
        "急得我嘴里冒火，材料交了三遍还不批",
        "这家面包店火爆得很，排队排到马路上",
        "看到客服这态度我气炸了，想死的心都有",
        "楼下鞋店天天喊跳楼价，吵得要命",
        "早高峰挤爆了，救命啊，能不能加几趟车",
        "房贷压得我喘不过气，公积金能不能多贷点",
        "老板跑路，资金链断了，我们的心态都塌了",
        "被绕晕了，窗口让我跑了五趟，累死人",
        "昨天去片场当群演，演被绑架的人质，挺好玩",
        "社区消防演练那天，烟雾弹放得真像着火",
        "看电视里说外地商场大火，希望我们这边多检查",
        "申请消防备案，图纸上疏散楼梯宽度有什么要求",
        "意外险理赔要溺水事故的证明，请问派出所开吗",
    ],
)
def test_figures_of_speech_and_talk_about_danger_raise_nothing_to_emergency(letter: str) -> None:
    assert read(letter).level != "emergency"


@pytest.mark.parametrize(
    "letter",
    [
        "我们小区停水三天了，老人做饭都没法做",
        "马桶返水，粪水漫到客厅，物业不管",
        "路口的下水井盖没了，晚上看不见，小孩差点掉下去",
        "幼儿园门口电线垂下来，铜线裸露",
        "外墙瓷砖大片脱落，掉在小区门口，行人天天从下面走",
        "商场的安全出口用铁链锁着",
        "老板拖欠我们三十多个工人的工资，快过年了家里没饭吃",
        "孩子的学位申请明天下午截止，系统一直提交失败，急",
        "工地连着几晚施工到凌晨，吵得全家睡不着",
        "流浪狗在小区追人，昨天咬了一个孩子",
        "弯道上这个月已经撞了四次车，护栏没人补",
        "对面独居阿婆卧床，三天没人管，够不着饭",
        "前夫昨晚放话说周末要来打断我的腿，我不敢回家",
        "化工厂每天半夜偷排废气，刺鼻得睡不着",
        "我妈靠透析，医院接送车停了，这周已经误了一次，再去不了就危险了",
    ],
)
def test_what_cannot_wait_for_days_is_urgent(letter: str) -> None:
    assert read(letter).level == "urgent"


@pytest.mark.parametrize(
    "letter",
    [
        "请问居住证怎么续签，要带什么材料",
        "建议在公园里多放几张长椅",
        "健身房关门了，会员卡的钱不退",
        "感谢社区工作人员帮我爸办好了老年卡",
        "快递放驿站三天，里面的水果烂了",
        "房产证办了一年还没下来，开发商推来推去",
        "",
        "。。。",
    ],
)
def test_an_ordinary_letter_raises_nothing(letter: str) -> None:
    assert read(letter) == Assessment(level=None, raised_by=(), flags=())


def test_a_danger_at_the_end_of_a_long_complaint_is_seen() -> None:
    complaint = "您好，我是业主，去年以来物业乱收费、保洁缺岗，多次投诉没有结果，希望有关部门约谈。"
    assert read(complaint).level != "emergency"
    assert (
        read(complaint + "另外，就在刚才，三单元楼道里的电动车烧起来了，火已经到二楼。").level == "emergency"
    )


def test_what_is_past_is_told_from_what_is_now_in_the_same_letter() -> None:
    assert read("去年这里漏过一次煤气，修好了。现在楼道里又漏气，滋滋响，邻居晕倒了").level == "emergency"
    assert read("去年这里漏过一次煤气，邻居晕倒了，请问赔偿找谁").level != "emergency"


def test_a_hit_names_its_rule_its_words_and_their_place() -> None:
    title, content = normalised("【紧急】着火了"), normalised("３楼浓烟滚滚，有人出不来！！")
    assessment = assess(title, content)
    assert assessment.level == "emergency"
    parts = {"title": title, "content": content}
    for hit in (*assessment.raised_by, *assessment.flags):
        assert parts[hit.field][hit.start : hit.end] == hit.text
        assert hit.text
    assert {hit.field for hit in assessment.raised_by} == {"title", "content"}
    assert "着火" in {hit.text for hit in assessment.raised_by if hit.field == "title"}


def test_emergencies_are_named_before_what_is_merely_urgent() -> None:
    assessment = read("小区停水三天了，今天楼上又着火了，老人还困在里面出不来，快来救")
    levels = [hit.level for hit in assessment.raised_by]
    assert levels.index("emergency") == 0
    assert "urgent" in levels
    assert levels == sorted(levels, key=lambda level: level != "emergency")


@pytest.mark.parametrize(
    ("letter", "flags"),
    [
        ("两个娃没大人管，小的发烧了", {"vulnerable"}),
        ("独居老人卧床没人照顾", {"vulnerable"}),
        ("我怀孕七个月，楼里电梯停了", {"vulnerable"}),
        ("再不解决我就不想活了", {"self_harm"}),
        ("一百多个业主约好明天去堵路，拉横幅讨说法", {"mass_incident"}),
        ("你们不管，我就找记者曝光", {"media"}),
        ("他放话说不给钱就把我店烧了", {"threat"}),
        ("老板不发工资，工友们说要跳楼，已经联系记者", {"self_harm", "media"}),
        ("请问社保怎么转移", set()),
        ("楼下喊跳楼价", set()),
        ("共享单车堵门", set()),
    ],
)
def test_circumstances_are_flagged_apart_from_urgency(letter: str, flags: set[str]) -> None:
    assessment = read(letter)
    assert set(assessment.flag_codes) == flags
    assert all(hit.level is None for hit in assessment.flags)


DANGERS = (
    "现在楼上着火了，里面还有人出不来，快来救！",
    "有人刚刚掉进河里，抓着树枝快撑不住了，快来人！",
    "楼下正在有人拿菜刀砍人，已经倒了一个！",
    "电梯里现在困着孕妇，喘不上气，快来！",
    "我爸突然倒地不省人事，叫不醒，快叫救护车！",
    "燃气管被打穿了，正在往外喷，整层都是味！",
)
HARMLESS = (
    "您好，我是翠园小区的业主。",
    "物业费涨了三成，没有公示。",
    "绿化带的草枯了一片，希望补种。",
    "请问居住证怎么续签？",
    "建议早高峰多开一趟车。",
    "去年交的押金到现在没退。",
    "小区停水三天了。",
    "工地每晚施工到凌晨，吵得睡不着。",
    "谢谢你们。",
)
LOOK_ALIKES = tuple(
    letter for letters in (DENIED, SUPPOSED, PAST) for texts in letters.values() for letter in texts
)


@settings(deadline=None)
@given(
    before=st.lists(st.sampled_from(HARMLESS + LOOK_ALIKES), max_size=4),
    danger=st.sampled_from(DANGERS),
    after=st.lists(st.sampled_from(HARMLESS + LOOK_ALIKES), max_size=4),
)
def test_a_danger_sentence_never_lowers_a_letter(before: list[str], danger: str, after: list[str]) -> None:
    without = read("。".join([*before, *after]))
    assert height(read("。".join([*before, danger, *after]))) >= height(without)


@settings(deadline=None)
@given(
    before=st.lists(st.sampled_from(HARMLESS), max_size=5),
    danger=st.sampled_from(DANGERS),
    after=st.lists(st.sampled_from(HARMLESS), max_size=5),
)
def test_a_danger_sentence_makes_an_ordinary_letter_an_emergency(
    before: list[str], danger: str, after: list[str]
) -> None:
    assert read("".join([*before, danger, *after])).level == "emergency"


@settings(deadline=None)
@given(st.text(alphabet="着火没有如果去年现在人了，。！ 1a+|…#", max_size=80))
def test_any_text_is_read_and_every_hit_quotes_it(text: str) -> None:
    content = normalised(text)
    for hit in assess("", content).raised_by:
        assert content[hit.start : hit.end] == hit.text


@pytest.mark.slow
def test_reading_rules_costs_no_more_than_a_few_passes_of_normalising() -> None:
    letters = [normalised(letter * 3) for texts in PAST.values() for letter in texts]

    def spent(work: object) -> float:
        start = time.process_time()
        for letter in letters:
            work(letter)  # type: ignore[operator]
        return time.process_time() - start

    spent(lambda letter: assess("", letter))
    rules = min(spent(lambda letter: assess("", letter)) for _ in range(3))
    normalising = min(spent(normalised) for _ in range(3))
    assert rules < 40 * normalising
