"""Personal data out of a text: what is found, what stays, and that masking again changes nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text.mask import MaskedSpan, mask
from model.text.normalise import normalised
from model.text.personal.cards import checks_as_card
from model.text.personal.identity import checks_as_id

PHONES = [
    ("请打13800138000找我", "请打[PHONE]找我"),
    ("电话：１３８００１３８０００。", "电话：[PHONE]。"),
    ("138 0013 8000", "[PHONE]"),
    ("138-0013-8000", "[PHONE]"),
    ("138.0013.8000", "[PHONE]"),
    ("1 3 8 0 0 1 3 8 0 0 0", "[PHONE]"),
    ("13800 138000请回电", "[PHONE]请回电"),
    ("（138）00138000", "（[PHONE]"),
    ("+86 138 0013 8000", "[PHONE]"),
    ("8613800138000", "[PHONE]"),
    ("tel13800138000", "tel[PHONE]"),
    ("手机一三八零零一三八零零零", "手机[PHONE]"),
    ("幺三八〇〇幺三八〇〇〇", "[PHONE]"),
    ("手机138零零138000", "手机[PHONE]"),
    ("1\u200b3800\u200b138000", "[PHONE]"),
    ("13800138000/13900139000", "[PHONE]/[PHONE]"),
    ("<b>138</b>0013<i>8000</i>", "<b>[PHONE]</i>"),
    ('<a href="tel:13800138000">拨打</a>', '<a href="tel:[PHONE]">拨打</a>'),
    ("&#49;3800138000", "[PHONE]"),
]
LANDLINES = [
    ("0755-26123456", "[TEL]"),
    ("（0755）26123456", "[TEL]"),
    ("0755 2612 3456", "[TEL]"),
    ("075526123456", "[TEL]"),
    ("010-62345678转801", "[TEL]"),
    ("+86-755-26123456", "[TEL]"),
    ("座机：26123456", "座机：[TEL]"),
    ("电话2612 3456", "电话[TEL]"),
    ("电话26123456、27123456或13800138000", "电话[TEL]、[TEL]或[PHONE]"),
    ("26123456这个电话没人接", "[TEL]这个电话没人接"),
    ("联系方式 6123456-802", "联系方式 [TEL]"),
]
DOCUMENTS = [
    ("身份证440301199001011234", "身份证[ID]"),
    ("440301199001011234", "[ID]"),
    ("44030119900101104X", "[ID]"),
    ("４４０３０１１９９００１０１１２３４", "[ID]"),
    ("440301 19900101 1234", "[ID]"),
    ("身份证号码：440301199001011231", "身份证号码：[ID]"),
    ("身份证号44030119900101123", "身份证号[ID]"),
    ("身份证：440301680729564", "身份证：[ID]"),
    ("440301680729564", "[ID]"),
    ("四四零三零一一九九零零一零一一二三四", "[ID]"),
    ("卡号6222021234567890128", "卡号[CARD]"),
    ("6222 0212 3456 7890 128", "[CARD]"),
    ("银行卡号：4000123412341234", "银行卡号：[CARD]"),
    ("护照E12345678", "护照[PASSPORT]"),
    ("护照号G 12345678", "护照号[PASSPORT]"),
    ("我的EA1234567丢了", "我的[PASSPORT]丢了"),
    ("港澳通行证C12345678", "港澳通行证[PASSPORT]"),
    ("回乡证H12345678", "回乡证[PASSPORT]"),
]
PLATES = [
    ("粤B12345占道", "[PLATE]占道"),
    ("粤B·12345", "[PLATE]"),
    ("粤 B 1A2C3", "[PLATE]"),
    ("新能源粤BD12345", "新能源[PLATE]"),
    ("粤B12345F乱停", "[PLATE]乱停"),
    ("粤Z1234港", "[PLATE]"),
    ("車牌粵Ｂ１２３４５", "車牌[PLATE]"),
    ("车牌号是B1A234", "车牌号是[PLATE]"),
    ("粤B1234学", "[PLATE]"),
]
ACCOUNTS = [
    ("发到zhang.san+1@example.com.cn", "发到[EMAIL]"),
    ("邮箱ZhangSan＠Example．com，", "邮箱[EMAIL]，"),
    ("12345678 @ qq.com", "[EMAIL]"),
    ("微信：abc_12345", "微信：[WECHAT]"),
    ("微信号zhangsan", "微信号[WECHAT]"),
    ("加V：zhang2020", "加V：[WECHAT]"),
    ("vx zhang_san1", "vx [WECHAT]"),
    ("微信13800138000", "微信[PHONE]"),
    ("QQ12345678", "QQ[QQ]"),
    ("扣扣号：123456789", "扣扣号：[QQ]"),
]
ROOMS = [
    ("科技园3栋2单元1204", "科技园3栋[ROOM]"),
    ("国际广场A座1509号房漏水", "国际广场A座[ROOM]漏水"),
    ("南光大厦12楼1203室", "南光大厦[ROOM]"),
    ("阳光花园5-2-301", "阳光花园5-[ROOM]"),
    ("住在1-23-1-602", "住在1-23-[ROOM]"),
    ("翠湖小区6-1203", "翠湖小区6-[ROOM]"),
    ("三栋二单元一二零四室", "三栋[ROOM]"),
    ("３栋２单元１２０４", "３栋[ROOM]"),
    ("5号楼B1204", "5号楼[ROOM]"),
    ("5#1204", "5#[ROOM]"),
    ("7栋15D", "7栋[ROOM]"),
    ("北座8B-8C", "北座[ROOM]"),
    ("五号楼二单元，2102", "五号楼[ROOM]"),
    ("12号楼一单元二楼", "12号楼[ROOM]"),
    ("2单元1802业主", "[ROOM]业主"),
    ("1508-1511号房", "[ROOM]"),
    ("楼上702房装修", "楼上[ROOM]装修"),
    ("赛格广场38楼3809", "赛格广场[ROOM]"),
    ("房号：1204", "房号：[ROOM]"),
    ("5巷3号401", "5巷3号[ROOM]"),
    ("深南大道2008号翠竹阁1204", "深南大道2008号翠竹阁[ROOM]"),
    ("阳光花园3栋12楼噪音", "阳光花园3栋[ROOM]噪音"),
    ("6栋201、202两户", "6栋[ROOM]两户"),
    ("9栋201或902号房", "9栋[ROOM]或[ROOM]"),
]
NAMES = [
    ("姓名：张三，", "姓名：[NAME]，"),
    ("联系人：欧阳小明 13800138000", "联系人：[NAME] [PHONE]"),
    ("投诉人: 周小华电话13800138000", "投诉人: [NAME]电话[PHONE]"),
    ("本人李小四，身份证440301199001011234", "本人[NAME]，身份证[ID]"),
    ("您好，我叫陈小红，家住福田", "您好，我叫[NAME]，家住福田"),
]
GOLDEN = PHONES + LANDLINES + DOCUMENTS + PLATES + ACCOUNTS + ROOMS + NAMES

TRAPS = [
    # hotlines and public numbers
    "拨打110、119、120、122都没有人接",
    "打12345和12315投诉",
    "95588和95599的客服",
    "客服400-820-8820打不通",
    "电话400 820 8820",
    "4008208820是官方电话",
    "热线8008208820",
    "电话12329咨询公积金",
    "电话95105105",
    "短信来自1069800955",
    "拨打0755-12345",
    # amounts, quantities, percentages
    "补贴13800000000元太夸张",
    "一共1000000元",
    "单价38,500元，总价12345678元",
    "电话费2000000元",
    "面积1000平米，层高5.5米",
    "增长15.6%，去年12.3%",
    "3.13800138000是圆周率吗",
    "小区2000户居民",
    "3栋1200多户人家",
    "一栋500平方米的厂房",
    "1509套公租房和3000间宿舍",
    "QQ 10000人大群",
    # dates, times
    "2016年8月11日",
    "2016-08-11 09:30:00",
    "2016/08/11",
    "20160811上午",
    "致电20160811的记录",
    "3栋2016年建成",
    "1-5-2016报名",
    "2012-2014年度",
    "一九九八年八月八日",
    "15 16 17 18 19 20",
    # roads, buses, house numbers, estates
    "G105国道拥堵",
    "S360省道",
    "M375路公交",
    "321路、E22路和K113路",
    "深南大道2008号",
    "福华路16号4栋",
    "107国道1203公里处",
    "地铁11号线",
    "翠湖小区3栋",
    "和平里花园二期",
    "公寓2016年交付",
    "华强北街道3号路口",
    "一栋5层楼房",
    "新建3栋18层高楼",
    "工业区513栋2楼社保个人服务中心",
    "负一楼健身中心",
    # serial numbers and codes
    "工单号13912345678",
    "受理编号：13812345678",
    "回执编号20071108569073",
    "20160628-5693-3730443",
    "订单号：15912345678901",
    "营业执照注册号440301501123456",
    "统一社会信用代码91440300MA5DA1234X",
    "备案号06094095",
    "社保电脑号606812367",
    "发动机号1224500",
    "标准GB 50325-2010",
    "项目代码2020-440305-48-03-012345",
    "条码6901234567892",
    "身份证从15位升到18位",
    # law, documents
    "根据第1203条和第501号令",
    "深府〔2016〕1204号文",
    "国务院令第588号",
    "GA36-2018标准第3-2-301条",
    # words that look like labels
    "微信支付10000元",
    "微信公众号shenzhenfabu",
    "微信android版打不开",
    "腾讯QQ空间",
    "扣扣你们的工资",
    "网址http://qq.com/a/20130508/000108.htm",
    "新iphone12手机",
    "新mate20发布",
    "云A股上市",
    "电话亭26123456年",
    "护照号码查询",
    "车牌号也改了",
    # housing words that are no rooms
    "公租房2016年推出多少套",
    "保障房40万套",
    "2015房改政策",
    "1000号房源",
    "3室2厅的户型",
    "1203房产税",
    "每月800房租",
    "100室内设计师",
    # names that are none
    "姓名、性别、出生日期",
    "联系人：张先生",
    "联系人：宋生，",
    "联系人是填写法定代表人",
    "姓名登记错误",
    "本人于昨日，身份证丢失",
    "本人周末，身份证办理",
    "我叫车来接人，",
    "我是黄埔区的",
]


def id_with_check(first_17: str) -> str:
    """The number with the last place that makes it check, by trying all eleven."""
    return next(first_17 + last for last in "0123456789x" if checks_as_id(first_17 + last))


def card_with_check(first_18: str) -> str:
    return next(first_18 + last for last in "0123456789" if checks_as_card(first_18 + last))


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_personal_data_is_replaced_and_the_rest_stays(text: str, expected: str) -> None:
    assert mask(text).text == expected


@pytest.mark.parametrize("text", TRAPS)
def test_what_looks_like_personal_data_but_is_not_stays(text: str) -> None:
    masked = mask(text)
    assert masked.text == text
    assert masked.spans == ()


def test_there_are_traps_enough_and_each_once() -> None:
    assert len(set(TRAPS)) == len(TRAPS) >= 60


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_masking_again_changes_nothing(text: str, expected: str) -> None:
    masked = mask(text)
    assert masked.text == expected
    assert mask(masked.text) == masked


def test_spans_tell_kind_and_place_of_new_and_old_placeholders() -> None:
    masked = mask("电话13800138000，备用[TEL]")
    assert masked.text == "电话[PHONE]，备用[TEL]"
    assert masked.spans == (MaskedSpan("phone", 2, 9), MaskedSpan("tel", 12, 17))


def test_every_placeholder_of_the_data_is_reported() -> None:
    text = "[PHONE][TEL][ID][CARD][PLATE][PASSPORT][EMAIL][WECHAT][QQ][ROOM][NAME][NUM]"
    masked = mask(text)
    assert masked.text == text
    assert [span.kind for span in masked.spans] == text[1:-1].lower().split("][")


def test_the_citizens_own_words_stay_untouched() -> None:
    text = "<p>您好！！！！我住<b>３栋</b>1204，電話：１３８００１３８０００ 謝謝&nbsp;😀</p>"
    assert mask(text).text == "<p>您好！！！！我住<b>３栋</b>[ROOM]，電話：[PHONE] 謝謝&nbsp;😀</p>"


def test_empty_text() -> None:
    assert mask("").text == ""
    assert mask("").spans == ()


def test_check_characters_follow_the_standards() -> None:
    # The worked example of GB 11643-1999, and Luhn's example of ISO/IEC 7812-1.
    assert checks_as_id("11010519491231002x")
    assert not checks_as_id("110105194912310021")
    assert checks_as_card("79927398713")
    assert not checks_as_card("79927398710")


def test_an_eighteen_digit_number_that_does_not_check_stays_without_the_word() -> None:
    good = id_with_check("44030519900307123")
    bad = good[:-1] + ("1" if good[-1] != "1" else "2")
    assert mask(f"记录{good}。").text == "记录[ID]。"
    assert mask(f"记录{bad}。").text == f"记录{bad}。"
    assert mask(f"身份证{bad}。").text == "身份证[ID]。"


def test_a_card_without_a_banks_prefix_needs_a_word() -> None:
    number = card_with_check("123456789012345678")
    assert mask(f"记录{number}。").text == f"记录{number}。"
    assert mask(f"卡号{number}。").text == "卡号[CARD]。"


FULL_WIDTH = str.maketrans("0123456789x", "０１２３４５６７８９Ｘ")
HAN = str.maketrans("0123456789", "零一二三四五六七八九")
DIGITS = st.text(alphabet="0123456789", min_size=9, max_size=9)
MOBILES = st.builds(lambda second, rest: f"1{second}{rest}", st.sampled_from("3456789"), DIGITS)
IDS = st.builds(
    lambda year, month, day, order: id_with_check(f"440305{year}{month:02}{day:02}{order:03}"),
    st.integers(1940, 2015),
    st.integers(1, 12),
    st.integers(1, 28),
    st.integers(0, 999),
)
CARDS = st.builds(lambda a, b: card_with_check(("62" + a + b)[:18]), DIGITS, DIGITS)
GAPS = st.lists(st.sampled_from(["", "", "", " ", "-", "\u3000", "\u200b", "－"]), min_size=19, max_size=19)
AROUND = st.text(alphabet="深圳市路灯坏了请回复，。！？ ", max_size=12)


def spaced(number: str, gaps: list[str]) -> str:
    last = len(number) - 1
    return "".join(
        digit + (gap if place < last else "")
        for place, (digit, gap) in enumerate(zip(number, gaps, strict=False))
    )


def digits_left(text: str) -> str:
    return "".join(character for character in normalised(text) if character in "0123456789x")


@settings(max_examples=300, deadline=None)
@given(st.data(), AROUND, AROUND, GAPS, st.booleans())
def test_a_planted_number_never_survives(
    data: st.DataObject, before: str, after: str, gaps: list[str], wide: bool
) -> None:
    label, number = data.draw(
        st.one_of(
            st.tuples(st.just("电话"), MOBILES),
            st.tuples(st.just("身份证"), IDS),
            st.tuples(st.just("银行卡号"), CARDS),
        )
    )
    written = spaced(number.translate(FULL_WIDTH) if wide else number, gaps)
    masked = mask(f"{before}{label}{written}，{after}")
    assert digits_left(masked.text) == ""
    assert len(masked.spans) == 1
    assert mask(masked.text) == masked


WAYS_TO_WRITE = {
    "plain": lambda number: number,
    "dashes": lambda number: f"{number[:3]}-{number[3:7]}-{number[7:]}",
    "full width": lambda number: number.translate(FULL_WIDTH),
    "Chinese numerals": lambda number: number.translate(HAN),
}


@pytest.mark.parametrize("way", WAYS_TO_WRITE)
@settings(max_examples=100, deadline=None)
@given(before=AROUND, number=MOBILES, after=AROUND)
def test_a_mobile_needs_no_label(way: str, before: str, number: str, after: str) -> None:
    written = WAYS_TO_WRITE[way](number)
    assert mask(f"{before}，{written}，{after}").text == f"{before}，[PHONE]，{after}"


# fmt: off
PIECES = st.sampled_from((
    "13800138000", "138", "0013", "8000", "0755", "26123456", "电话", "：", "，", "、", "-",
    "3栋", "2单元", "1204", "室", "房", "号", "12楼", "5-2-301", "身份证",
    "440301199001011234", "6222021234567890128", "卡号", "粤B", "12345", "微信", "abc_123",
    "qq", "@", "qq.com", "姓名", "张三", "我叫", "李四", "本人", "。", "(", ")", "<b>",
    "</b>", "&nbsp;", "１３８", "一三八", "零零", "[PHONE]", "[ID]", "[phone]", "花园",
    "A座", "护照", "E12345678", "通行证", "C1234567", "元", "年", "2016", "联系人:", "转",
    "+86", "400-820-8820", "编号", "/", "第", ".", "<", ">", "110", " ", "\u200b",
    '<a href="', '">',
))
# fmt: on


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=16).map("".join))
def test_masking_is_idempotent_and_its_spans_are_its_placeholders(text: str) -> None:
    masked = mask(text)
    assert mask(masked.text) == masked
    assert all(masked.text[span.start : span.end] == f"[{span.kind.upper()}]" for span in masked.spans)
    assert list(masked.spans) == sorted(masked.spans, key=lambda span: span.start)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_masked(text: str) -> None:
    masked = mask(text)
    assert mask(masked.text) == masked


HOSTILE = [
    pytest.param(piece, marks=pytest.mark.slow) for piece in ("电话、", "1-", "粤B12345 ", "<b>1", "一")
]


@pytest.mark.parametrize("piece", ["路灯坏了请尽快维修，", "电话13800138000，住3栋2单元1204，", *HOSTILE])
def test_time_is_linear_in_the_length(piece: str) -> None:
    long = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]

    def seconds(text: str) -> float:
        begin = time.process_time()
        mask(text)
        return time.process_time() - begin

    # A clock tick is added to both: a short run is not measured finer than that.
    assert seconds(long) + 0.01 <= 20 * (min(seconds(long[:100_000]) for _ in range(2)) + 0.01)


@pytest.mark.parametrize("text", ["电话1 4000000000，", "手机 1-8008208820。", "联系电话：1 (400) 8001234"])
def test_a_mobile_number_whose_rest_looks_like_a_hotline_is_masked(text: str) -> None:
    assert "[PHONE]" in mask(text).text
    assert digits_left(mask(text).text) == ""


def test_an_identity_card_whose_end_looks_like_a_hotline_is_masked() -> None:
    assert digits_left(mask("身份证44030519 4001010007，").text) == ""


def test_a_hotline_behind_another_number_stays() -> None:
    assert "4008001234" in mask("客服电话4008001234打不通").text
    assert "4008001234" in mask("1 4008001234 是他们的客服").text
