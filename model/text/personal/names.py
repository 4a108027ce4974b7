"""Names of persons, only where the writer says that one follows: 姓名：…, 联系人：…, 本人…，身份证."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.text.personal.finding import Finding

_LONG_SURNAMES = "欧阳|司徒|上官|诸葛|司马|皇甫|尉迟|公孙|慕容|令狐|夏侯|东方|端木|轩辕"
_CLEAR = (
    "王李张刘陈杨黄赵吴徐孙朱胡郭林罗郑梁谢宋唐韩邓冯曹彭肖萧董潘袁蔡蒋杜程魏吕卢姚沈姜崔"
    "谭范廖贾韦傅邹熊孟秦邱侯薛闫阎黎陶郝龚邵覃戴庞樊殷詹赖凌卓巫阮聂岑骆翟倪佘"
)
_MORE = (
    "周马何高许曾田余于叶苏丁任钟陆汪金石夏付方白江尹段雷龙史贺毛顾万武钱严莫孔向汤温施洪翁"
    "丘柯庄伍涂蓝古甘欧麦童耿焦鲁连管柳辛祝喻牛兰申季章纪齐易文常安尚舒屈项游池"
)
_SURNAME = f"(?:{_LONG_SURNAMES}|[{_CLEAR}{_MORE}])"
# Where the label is weak, characters that begin common words as well (周末, 于是) are not taken for surnames.
_CLEAR_SURNAME = f"(?:{_LONG_SURNAMES}|[{_CLEAR}])"
_GIVEN = "[\u4e00-\u9fff]{1,2}?"
_AFTER_NAME = (
    r"(?= |$|[，。；;、,.()\[/！？:\-|]|[0-9+]|联系|电话|手机|身份|证件|性别|[男女](?:[，。; ]|$)"
    r"|住址|地址|年龄|籍贯|工作单位|[\u4e00-\u9fff]{0,2}号码)"
)
_LABELLED = re.compile(
    r"(?:姓名|联系人|申请人|投诉人|举报人|诉求人|反映人|来电人|报案人|求助人|信访人|监护人|户主|患者"
    r"|法人代表|法定代表人)(?:姓名|名字|[(](?:本人|女士|先生)[)])? ?: ?"
    rf"(?P<name>{_SURNAME}{_GIVEN}){_AFTER_NAME}"
)
_SELF = re.compile(
    rf"(?:本人(?:姓名|名叫)?|我叫|我的名字是|我名叫|我是)(?P<name>{_CLEAR_SURNAME}{_GIVEN})"
    r"(?= ?[，(:]? ?"
    r"(?:身份证|性别|[男女][，)]|联系电话|手机号?码?[:是]|电话[:是]|\[(?:ID|PHONE|TEL)\]))"
)
# Nothing but a mark or a blank tells where the name ends.
_BARE_LABEL = re.compile(
    rf"(?:(?<![的和与及])姓名[ ，]?|(?:我叫|我名叫|我的名字叫)[: ]?)(?P<name>{_CLEAR_SURNAME}{_GIVEN})"
    r"(?=[ ，。；;\[(]|$)"
)
_NOT_A_NAME = re.compile(
    r".(?:生|某某?|.?(?:先生|女士|小姐|经理|主任|师傅|律师|同志|老师|医生|科长|局长|队长))"
    r"|江苏|江西|万科|石岩|黄埔|黄冈|黄岗|温州|常州|梅州|龙岗|龙华|罗湖|罗芳|安徽|苏州|徐州|贺州"
    r"|柳州|杭州|白云|唐山|沈阳"
    r"|金融|文化|方式|高新|常见|常用|连锁|安全|管理|易用|向上|何时|何人|万元|于是|石油"
    r"|周末|周边|周日|马上|任何|任意|程序|林业"
)


def find_names(text: str) -> Iterator[Finding]:
    """A surname and one or two characters after a label; 张先生, 宋生 and 王某 name nobody and stay."""
    for pattern in (_LABELLED, _SELF, _BARE_LABEL):
        for match in pattern.finditer(text):
            if not _NOT_A_NAME.fullmatch(match["name"]):
                yield Finding("name", *match.span("name"))
