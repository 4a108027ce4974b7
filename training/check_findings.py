"""What a data report comes to, in sentences: one for each thing that somebody should act on."""

from __future__ import annotations

from training.data_report import FEW, DataReport

KIND_NAMES = {"C": "咨询", "H": "求助", "T": "投诉", "J": "举报", "S": "建议", "O": "其他"}
URGENCY_NAMES = {"emergency": "特急", "urgent": "加急", "normal": "一般", "low": "不急"}
PERSONAL_DATA_NAMES = {
    "phone": "手机号码",
    "tel": "固定电话",
    "id": "身份证号",
    "card": "银行卡号",
    "plate": "车牌号",
    "passport": "护照号",
    "email": "电子邮箱",
    "wechat": "微信号",
    "qq": "QQ 号",
    "room": "门牌房号",
    "name": "姓名",
    "num": "其他号码",
}


def findings(report: DataReport) -> list[str]:
    """Sentences in Chinese, the gravest first; empty when nothing needs attention."""
    sentences: list[str] = []
    if report.unreadable:
        sentences.append(
            f"{report.unreadable} 行无法读取（其中空白 {report.empty} 行），训练时会跳过；行号和原因见下。"
        )
    if report.unknown_departments:
        letters = sum(label.letters for label in report.unknown_departments)
        sentences.append(
            f"{len(report.unknown_departments)} 个部门名称不在职责目录 {report.taxonomy} 中，"
            f"涉及 {letters} 件；请更正名称，或在目录中补为曾用名。"
        )
    if report.conflicts.conflicting and report.conflicts.share is not None:
        sentences.append(
            f"{report.conflicts.groups} 封内容相同的重复来信中，{report.conflicts.conflicting} 封"
            f"分给了不同部门（{report.conflicts.share:.1%}）：标签本身不一致，准确率的上限因此受限。"
        )
    if report.near_copies.spare:
        sentences.append(
            f"{report.near_copies.letters} 件互为近似重复（{report.near_copies.groups} 组，"
            f"最大一组 {report.near_copies.largest} 件）；划分训练集与测试集时同组不拆开。"
        )
    if report.rare_departments:
        sentences.append(
            f"{len(report.rare_departments)} 个部门不足 {FEW} 件，学不准也测不准；可补充样本，"
            "或在目录中写明职责事项。"
        )
    if report.without_department:
        sentences.append(f"{report.without_department} 件没有部门标签，不参与部门训练。")
    places = sum(kind.places for kind in report.personal_data.values())
    if places:
        sentences.append(f"发现 {places} 处个人信息；分拨在使用前一律脱敏，但原文件请妥善保管。")
    return sentences
